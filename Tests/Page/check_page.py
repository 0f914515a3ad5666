#!/usr/bin/env python3
"""Checks the page of `kindred serve` in a headless Chromium.

    kindred index Tests/Page/documents --index page
    kindred serve &
    Tests/Page/check_page.py http://127.0.0.1:PORT/ --screenshots shots

Each check prints what it proves. The exit status is 1 if one fails. The defaults fit the documents beside this script;
options name other queries for another index.
"""

import argparse
import base64
import json
import os
import sys
import time
import urllib.parse
import urllib.request

from devtools import Browser, DevToolsError, Page, find_chromium

RESULTS = "document.querySelectorAll('#list .result').length"
FOCUSED = "document.activeElement.dataset.passage"

# The lowest contrast between a text and the background behind it, of everything in sight.
CONTRAST = """(() => {
  const rgba = color => { const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const color = rgba(getComputedStyle(e).backgroundColor);
      if (color[3] === 1) return color;
    }
    return [255, 255, 255, 1];
  };
  let worst = [99, ''];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest('.unseen, .skip') || element.disabled) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    const contrast = (a + .05) / (b + .05);
    if (contrast < worst[0]) worst = [contrast, element.outerHTML.slice(0, 120)];
  }
  return worst;
})()"""

# Elements that stick out of the window, and whether the page scrolls sideways.
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"


class Checks:
    def __init__(self, page, options):
        self.page = page
        self.options = options
        self.base = options.base
        self.failed = 0

    def prove(self, condition, what, detail=""):
        print(f"{'ok  ' if condition else 'FAIL'}  {what}{f' ({detail})' if detail and not condition else ''}", flush=True)
        self.failed += not condition

    def address(self, **parameters):
        if self.options.index:
            parameters["index"] = self.options.index
        return f"{self.base}?{urllib.parse.urlencode(parameters)}"

    def api(self, path, **parameters):
        address = f"{self.base}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address) as response:
            return json.load(response)

    def search(self, query, **parameters):
        """Opens the results of a query by its address."""
        self.page.go(self.address(q=query, **parameters))
        return self.page.until(RESULTS)

    def parameters(self):
        return dict(urllib.parse.parse_qsl(self.page.evaluate("location.search.slice(1)")))

    def screenshot(self, name):
        if self.options.screenshots:
            self.page.screenshot(os.path.join(self.options.screenshots, f"{name}.png"))

    # The checks, in the order in which a person would meet them.

    def policy(self):
        with urllib.request.urlopen(self.base) as response:
            policy = response.headers.get("Content-Security-Policy", "")
        self.prove("default-src 'none'" in policy and "'unsafe-inline'" not in policy,
                   "the server sends a strict Content-Security-Policy", policy)

    def welcome(self):
        page = self.page
        page.go(self.address())
        text = page.until("!document.getElementById('welcome').hidden && document.getElementById('welcome').innerText") or ""
        self.prove("articles" in text and "passages" in text, "the empty page says what the index holds", text)
        self.prove(text.count('"') >= 2 and "-" in text, "the empty page gives hints on how to ask")
        self.screenshot("welcome")

    def typing(self):
        page = self.page
        page.go(self.address())
        page.until("!document.getElementById('welcome').hidden")
        page.evaluate("document.activeElement.blur()")
        page.press("/")
        self.prove(page.evaluate("document.activeElement.id") == "query", "/ focuses the search box")
        page.evaluate("document.activeElement.blur()")
        page.press("k", control=True)
        self.prove(page.evaluate("document.activeElement.id") == "query", "Ctrl-K focuses the search box")
        page.type(self.options.question)
        settled = page.until(f"{RESULTS} && new URLSearchParams(location.search).get('q') === {json.dumps(self.options.question)}")
        self.prove(settled, "results come while one types, and the address names the query")
        page.until(f"{RESULTS} && !document.querySelector('.stale')")
        self.prove(page.evaluate("document.activeElement.id") == "query", "typing keeps the focus")
        self.prove(self.options.question in page.evaluate("document.title"), "the title names the query")
        self.prove(page.evaluate("document.querySelectorAll('#list .snippet mark').length"), "words of the query are marked")
        before = page.evaluate("[...document.querySelectorAll('#list .result')].map(e => e.getBoundingClientRect().top)")
        self.prove(page.until("document.querySelectorAll('#list .answer').length"), "sentences that answer are highlighted")
        after = page.evaluate("[...document.querySelectorAll('#list .result')].map(e => e.getBoundingClientRect().top)")
        self.prove(before == after, "the highlights move nothing", f"{before} {after}")
        said = page.until("document.getElementById('live').textContent")
        self.prove(said and "passage" in said, "a live region announces the count", said)
        titles = page.evaluate("[...document.querySelectorAll('#list .result h2')].map(e => e.textContent)")
        links = page.evaluate("[...document.querySelectorAll('#list .result h2 a')].map(e => new URL(e.href).search)")
        self.prove(len(titles) == len(set(links)) and all("passage=" in link for link in links),
                   "each article is one result, and its title links to the passage")
        self.screenshot("results")

    def relevance(self):
        hit = self.api("search", q=self.options.question, **self.index())["hits"][0]
        text = self.page.evaluate("document.querySelector('.relevance')?.textContent") or ""
        if hit.get("relevance") is None:
            self.prove(text.startswith("score"), "a search without probabilities shows its score", text)
            return
        label = self.page.evaluate("document.querySelector('.relevance').getAttribute('aria-label')") or ""
        self.prove(text in ("strong", "likely", "weak") and f"{hit['relevance']:.2f}" in label,
                   "the relevance is a word with its number in the label", f"{text} {label}")

    def index(self):
        return {"index": self.options.index} if self.options.index else {}

    def keyboard(self):
        page = self.page
        self.search(self.options.question)
        page.until("document.querySelector('#list .answer')")
        page.evaluate("document.getElementById('query').focus()")
        order = page.evaluate("[...document.querySelectorAll('#list .open')].filter(e => e.checkVisibility()).map(e => e.dataset.passage)")
        walked = []
        for key in ("ArrowDown", "ArrowDown", "ArrowUp", "j", "k"):
            page.press(key)
            walked.append(page.evaluate(FOCUSED))
        first, second = order[0], order[min(1, len(order) - 1)]
        self.prove(walked == [first, second, first, second, first], "arrows, j and k move between results", f"{walked} {order}")
        page.press("ArrowUp")
        self.prove(page.evaluate("document.activeElement.id") == "query", "up from the first result returns to the search box")
        page.press("?" if page.evaluate("(document.activeElement.blur(), true)") else "")
        self.prove(page.evaluate("document.getElementById('help').open"), "? shows the shortcuts")
        page.press("Escape")
        self.prove(not page.evaluate("document.getElementById('help').open") and self.parameters().get("q"),
                   "Esc closes the shortcuts and leaves the results")

    def article(self):
        page = self.page
        page.resize(1280, 500)
        self.search(self.options.question)
        page.until("document.querySelector('#list .answer')")
        page.evaluate("document.querySelectorAll('.others').forEach(e => { e.open = true; })")
        links = page.evaluate("[...document.querySelectorAll('#list .open')].length")
        for _ in range(max(2, links // 2)):
            page.press("j")
        page.wait(0.4)
        place, passage = page.evaluate("scrollY"), page.evaluate(FOCUSED)
        page.press("Enter")
        current = f"document.querySelector('.passage.current[data-passage=\"{passage}\"]')"
        self.prove(page.until(current), "Enter opens the article with the passage highlighted")
        page.until(f"document.activeElement === {current}")
        shown = page.evaluate(f"(r => r.top >= 0 && r.top < innerHeight)({current}.getBoundingClientRect())")
        self.prove(shown, "the passage is scrolled to")
        self.prove(self.parameters().get("passage") == passage and "article" in self.parameters(),
                   "the address names article and passage")
        self.prove(page.evaluate("document.title").startswith(page.evaluate("document.querySelector('#article h1').textContent")),
                   "the title names the article")
        self.prove(page.until("document.querySelectorAll('#article mark').length"), "words of the query are marked in the article")
        page.press("Escape")
        page.until("!document.getElementById('results-view').hidden")
        page.wait(0.3)
        self.prove(abs(page.evaluate("scrollY") - place) < 2 and page.evaluate(FOCUSED) == passage,
                   "Esc returns to the same place and result", f"{page.evaluate('scrollY')} {place}")
        self.prove(page.evaluate("[...document.querySelectorAll('.others')].every(e => e.open)"), "open disclosures stay open")
        page.evaluate("history.forward()")
        self.prove(page.until(f"!document.getElementById('article-view').hidden && {current}"), "forward opens the article again")
        page.evaluate("history.back()")
        page.until("!document.getElementById('results-view').hidden")
        page.wait(0.3)
        self.prove(abs(page.evaluate("scrollY") - place) < 2, "back keeps the scroll position too")
        page.resize(1280, 800)

    def long_article(self):
        page = self.page
        self.search(self.options.question)
        page.click("#list .open")
        page.until("document.querySelector('.passage.current')")
        headings = page.evaluate("document.querySelectorAll('#article .text :is(h2, h3, h4)').length")
        entries = page.evaluate("document.querySelectorAll('#contents a').length")
        self.prove(entries == headings and headings > 2, "the table of contents has every heading", f"{entries} {headings}")
        page.click("#contents li:nth-child(3) a")
        page.wait(0.3)
        self.prove(page.evaluate("document.querySelector('#contents [aria-current]')?.textContent ==="
                                 " document.querySelector('#contents li:nth-child(3)').textContent"),
                   "the table of contents marks the current section")
        step = page.until("!document.getElementById('steps').hidden && document.getElementById('step').textContent")
        self.prove(step, "an article with several passages found counts them")
        before = self.parameters().get("passage")
        page.click("#next:enabled, #previous:enabled")
        self.prove(self.parameters().get("passage") != before and page.until(
            f"document.querySelector('.passage.current').dataset.passage === '{self.parameters().get('passage')}'"),
            "the next passage found becomes the current one")
        marks = page.until("document.querySelectorAll('#article mark').length")
        address = page.evaluate("location.href")
        page.reload()
        self.prove(page.until(f"document.querySelectorAll('#article mark').length === {marks}")
                   and page.evaluate("location.href") == address, "a reload shows the same article, passage and marks")
        self.screenshot("article")
        parameters = self.parameters()
        article = self.api(f"articles/{parameters['article']}", **self.index())
        if article.get("links"):
            page.click("#article .text a")
            self.prove(page.until(f"new URLSearchParams(location.search).get('article') !== '{parameters['article']}'"
                                  " && document.querySelector('#article h1')"), "a link leads to another article of the index")
        else:
            print("--    the article has no links")

    def reload(self):
        page = self.page
        self.search(self.options.question, mode="keyword")
        first = page.evaluate("document.querySelector('#list h2').textContent")
        page.reload()
        self.prove(page.until(RESULTS) and page.evaluate("document.querySelector('#list h2').textContent") == first
                   and page.evaluate("document.querySelector('[name=mode]:checked').value") == "keyword"
                   and page.evaluate("document.getElementById('query').value") == self.options.question,
                   "a reload keeps query, mode and results")

    def filters(self):
        page = self.page
        self.search(self.options.question)
        if not page.evaluate("document.querySelectorAll('.facet').length"):
            print("--    the index has no fields")
            return
        page.click(".facet summary")
        value = page.until("document.querySelector('.facet button span')?.textContent")
        self.prove(value, "a field lists its values with counts")
        page.click(".facet button")
        self.prove(page.until("document.querySelector('#chips button')") and f"'{value}'" in self.parameters().get("where", ""),
                   "a value becomes a condition, as chip and in the address", self.parameters().get("where"))
        page.until(f"{RESULTS} && !document.querySelector('.stale')")
        self.prove(page.until("document.querySelector('.facet button').getAttribute('aria-pressed') === 'true'"),
                   "the value is shown as chosen")
        page.click("#chips button")
        self.prove(page.until("document.getElementById('chips').hidden") and "where" not in self.parameters(),
                   "a click on the chip removes the condition")
        page.click("#where")
        page.type("no condition (")
        page.press("Enter")
        problem = page.until("!document.getElementById('where-problem').hidden && document.getElementById('where-problem').textContent")
        self.prove(problem, "the server's message on a wrong condition stands beneath it")
        statuses = {status for status, _ in page.failures}
        self.prove(statuses == {400}, "no other request failed so far", f"{page.failures}")
        page.failures.clear()

    def escaping(self):
        page = self.page
        if not self.options.script_query:
            return
        self.search(self.options.script_query)
        titles = page.evaluate("[...document.querySelectorAll('#list h2')].map(e => e.textContent)")
        title = next((title for title in titles if "<script>" in title), None)
        self.prove(title, "a script in a title is shown as text", str(titles))
        if not title:
            return
        place = titles.index(title) + 1
        page.evaluate(f"document.querySelector('#list > li:nth-child({place}) .open').click()")
        page.until("document.querySelector('#article h1')")
        page.until("document.querySelector('#article .passage.current')")
        self.prove(page.evaluate("document.querySelector('#article h1').textContent") == title, "so it is in the article")
        self.prove(page.evaluate("document.querySelectorAll('main :is(script, img, b[onclick], [onerror])').length") == 0
                   and page.evaluate("document.scripts.length") == 1, "no text becomes markup")
        self.prove(page.evaluate("[...document.links].every(link => /^https?:$/.test(link.protocol))"),
                   "every link is http or https")
        self.prove("🔐" not in page.evaluate("document.querySelector('#article .text').textContent") or
                   page.evaluate("[...document.querySelectorAll('#article mark')].every(e => /^[\\p{L}\\p{N}]+$/u.test(e.textContent))"),
                   "marks are whole words where the text has characters beyond 16 bits")

    def right_to_left(self):
        page = self.page
        if not self.options.rtl_query:
            return
        self.search(self.options.rtl_query)
        direction = "getComputedStyle(document.querySelector('{}')).direction"
        self.prove(page.evaluate(direction.format("#list h2")) == "rtl"
                   and page.evaluate(direction.format("#list .snippet")) == "rtl", "right-to-left results run from the right")
        page.until("document.querySelector('#list .answer')")
        self.screenshot("right-to-left")
        page.click("#list .open")
        page.until("document.querySelector('.passage.current')")
        self.prove(page.evaluate(direction.format("#article h1")) == "rtl"
                   and page.evaluate(direction.format("#article .text p")) == "rtl", "right-to-left articles do too")

    def colors(self):
        page = self.page
        for scheme in ("light", "dark"):
            page.color_scheme(scheme)
            self.search(self.options.question)
            page.until("document.querySelector('#list .answer')")
            contrast, where = page.evaluate(CONTRAST)
            self.prove(contrast >= 4.5, f"contrast of the results in {scheme} colors is at least 4.5", f"{contrast:.2f} {where}")
            page.click("#list .open")
            page.until("document.querySelector('#article mark')")
            contrast, where = page.evaluate(CONTRAST)
            self.prove(contrast >= 4.5, f"contrast of the article in {scheme} colors is at least 4.5", f"{contrast:.2f} {where}")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)")
        self.prove(max(background) < 60, "dark mode has a dark background", str(background))
        self.screenshot("article-dark")
        page.color_scheme("light")

    def small_screen(self):
        page = self.page
        for width in (360, 390):
            page.resize(width, 844, mobile=True)
            self.search(self.options.question)
            page.until("document.querySelector('#list .answer')")
            self.prove(page.evaluate(OVERFLOW) <= 0, f"results fit {width} pixels", str(page.evaluate(OVERFLOW)))
            page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
            page.wait(0.3)
            self.prove(page.evaluate(OVERFLOW) <= 0, f"so they do with all disclosures open", str(page.evaluate(OVERFLOW)))
            if width == 390:
                page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = false; })")
                self.screenshot("results-small")
            page.click("#list .open")
            page.until("document.querySelector('.passage.current')")
            self.prove(page.evaluate(OVERFLOW) <= 0, f"the article fits {width} pixels", str(page.evaluate(OVERFLOW)))
            page.go(self.address())
            page.until("!document.getElementById('welcome').hidden")
            self.prove(page.evaluate(OVERFLOW) <= 0, f"the empty page fits {width} pixels", str(page.evaluate(OVERFLOW)))
        self.screenshot("welcome-small")
        page.resize(1280, 800)

    def stale(self):
        """Holds the answer to a first query back until a second one is shown."""
        page, held = self.page, []
        page.go(self.address())
        page.until("!document.getElementById('welcome').hidden")

        def paused(request):
            hold = "q=zzz" in request["request"]["url"]
            if hold:
                held.append(request["requestId"])
            return not hold

        page.paused = paused
        page.command("Fetch.enable", patterns=[{"urlPattern": "*/search?*"}])
        page.click("#query")
        page.type("zzz")
        spinner = page.until("getComputedStyle(document.querySelector('.spinner')).display !== 'none'")
        self.prove(spinner and held, "a spinner shows while the server works")
        page.evaluate("document.getElementById('query').select()")
        page.type(self.options.question)
        shown = page.until(f"{RESULTS} && document.getElementById('query').value === {json.dumps(self.options.question)}")
        body = base64.b64encode(json.dumps({"query": "zzz", "took_ms": 1, "hits": []}).encode()).decode()
        for identifier in held:
            try:
                page.command("Fetch.fulfillRequest", requestId=identifier, responseCode=200, body=body)
            except DevToolsError:
                pass  # The page has cancelled it, as it should.
        page.wait(0.5)
        self.prove(shown and page.evaluate(RESULTS), "a late answer to an earlier query is dropped")
        page.command("Fetch.disable")
        page.paused = lambda request: True

    def offline(self):
        page = self.page
        self.search(self.options.question)
        conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        page.command("Network.emulateNetworkConditions", offline=True, **conditions)
        page.evaluate("document.getElementById('query').focus()")
        page.type(" x")
        text = page.until("document.querySelector('.notice.error')?.textContent") or ""
        self.prove("is kindred serve running?" in text, "a server that is gone is named as the reason", text)
        page.command("Network.emulateNetworkConditions", offline=False, **conditions)
        page.click(".notice.error button")
        self.prove(page.until(RESULTS), "a click tries again")

    def token(self):
        page, given = self.page, []

        def paused(request):
            headers = {name.lower(): value for name, value in request["request"]["headers"].items()}
            given.append(headers.get("authorization"))
            if given[-1] == "Bearer right":
                return True
            body = json.dumps({"error": {"message": "a token is needed", "type": "unauthorized", "param": None, "code": None}})
            page.browser.post("Fetch.fulfillRequest", page.session, requestId=request["requestId"], responseCode=401,
                              responseHeaders=[{"name": "Content-Type", "value": "application/json"}],
                              body=base64.b64encode(body.encode()).decode())
            return False

        page.paused = paused
        page.command("Fetch.enable", patterns=[{"urlPattern": f"*/{path}*"} for path in ("indexes", "search?", "articles/")])
        page.go(self.address(q=self.options.question))
        self.prove(page.until("document.getElementById('token').open"), "the page asks for the token of a server that wants one")
        page.type("wrong")
        page.press("Enter")
        self.prove(page.until("!document.getElementById('token-problem').hidden && document.getElementById('token').open"),
                   "it asks again after a wrong one")
        page.type("right")
        page.press("Enter")
        self.prove(page.until(RESULTS) and given[-1] == "Bearer right", "it sends the token with every request")
        page.command("Fetch.disable")
        page.paused = lambda request: True
        page.evaluate("sessionStorage.clear()")

    def nothing_else(self):
        page = self.page
        self.prove(not page.errors, "no error on the console, no violation of the policy, no dialog", "; ".join(page.errors))
        host = urllib.parse.urlsplit(self.base).netloc
        others = {url for url in page.requests
                  if urllib.parse.urlsplit(url).scheme != "data" and urllib.parse.urlsplit(url).netloc != host}
        self.prove(not others - {"about:blank"}, "no request goes to another host", str(others))


def main():
    parser = argparse.ArgumentParser(description="Checks the page of `kindred serve` in a headless Chromium.")
    parser.add_argument("base", help="address of the server")
    parser.add_argument("--index", help="index to search; the server's first by default")
    parser.add_argument("--question", default="why does the sea rise and fall twice a day",
                        help="a question that several passages of a long article answer")
    parser.add_argument("--script-query", default="script in a title", help="finds a title with <script>; '' skips the check")
    parser.add_argument("--rtl-query", default="המגדלור של אלכסנדריה",
                        help="finds right-to-left text first; '' skips the check")
    parser.add_argument("--screenshots", help="directory for screenshots")
    parser.add_argument("--chromium", help="path of Chromium; the one in PATH by default")
    options = parser.parse_args()
    options.base = options.base.rstrip("/") + "/"
    if options.screenshots:
        os.makedirs(options.screenshots, exist_ok=True)

    began = time.monotonic()
    browser = Browser(options.chromium or find_chromium())
    try:
        page = Page(browser)
        page.resize(1280, 800)
        page.color_scheme("light")
        checks = Checks(page, options)
        for check in (checks.policy, checks.welcome, checks.typing, checks.relevance, checks.keyboard, checks.article,
                      checks.long_article, checks.reload, checks.filters, checks.escaping, checks.right_to_left,
                      checks.colors, checks.small_screen, checks.stale, checks.offline, checks.token, checks.nothing_else):
            try:
                check()
            except DevToolsError as error:
                checks.prove(False, check.__name__.replace("_", " "), str(error))
    finally:
        browser.close()
    print(f"{checks.failed} failed, {time.monotonic() - began:.0f} s")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
