"""Drives a headless Chromium over the DevTools protocol, with nothing but Python's standard library.

Chromium reads commands from file descriptor 3 and writes answers and events to descriptor 4
(`--remote-debugging-pipe`): JSON, each message ended by a zero byte.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time


class DevToolsError(Exception):
    pass


def find_chromium():
    for name in ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise DevToolsError("no Chromium in PATH; install Debian's chromium or give --chromium")


class Browser:
    """A Chromium process and its pipe."""

    def __init__(self, chromium):
        self.profile = tempfile.mkdtemp(prefix="kindred-page-")
        commands_read, self.commands = os.pipe()
        self.answers, answers_write = os.pipe()
        # High numbers first, so that taking 3 and 4 in the child closes neither of the two.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 64) for end in (commands_read, answers_write)]

        def take_descriptors():
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        arguments = [chromium, "--headless", "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "--no-first-run",
                     "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--hide-scrollbars",
                     "--force-color-profile=srgb", "--lang=en"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")
        self.process = subprocess.Popen(arguments, pass_fds=(3, 4), preexec_fn=take_descriptors,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for end in (commands_read, answers_write, *ends):
            os.close(end)
        self.last_id = 0
        self.unread = b""
        self.results = {}
        self.on_event = lambda message: None

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.profile, ignore_errors=True)

    def command(self, method, session=None, **parameters):
        identifier = self.post(method, session, **parameters)
        deadline = time.monotonic() + 30
        while identifier not in self.results:
            self.read(deadline - time.monotonic(), method)
        answer = self.results.pop(identifier)
        if "error" in answer:
            raise DevToolsError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def post(self, method, session=None, **parameters):
        """Sends a command without waiting for its result."""
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.commands, data):]
        return self.last_id

    def read(self, seconds, waiting_for=None):
        """Reads what Chromium sends within some seconds. A time-out is an error if a command waits for its result."""
        ready, _, _ = select.select([self.answers], [], [], max(0, seconds))
        if not ready:
            if waiting_for:
                raise DevToolsError(f"Chromium does not answer {waiting_for}")
            return
        data = os.read(self.answers, 1 << 20)
        if not data:
            raise DevToolsError("Chromium has ended")
        *messages, self.unread = (self.unread + data).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.results[message["id"]] = message
            else:
                self.on_event(message)


KEYS = {
    "Enter": {"code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    "Escape": {"code": "Escape", "windowsVirtualKeyCode": 27},
    "ArrowUp": {"code": "ArrowUp", "windowsVirtualKeyCode": 38},
    "ArrowDown": {"code": "ArrowDown", "windowsVirtualKeyCode": 40},
    "Tab": {"code": "Tab", "windowsVirtualKeyCode": 9},
}


class Page:
    """A tab, with what went wrong in it."""

    def __init__(self, browser):
        self.browser = browser
        browser.on_event = self.took_event
        target = browser.command("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.errors = []
        self.requests = []
        self.failures = []
        self.paused = lambda request: True
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable")

    def command(self, method, **parameters):
        return self.browser.command(method, self.session, **parameters)

    def took_event(self, message):
        method, facts = message["method"], message["params"]
        if method == "Runtime.exceptionThrown":
            details = facts["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and facts["type"] in ("error", "assert", "warning"):
            self.errors.append(" ".join(str(argument.get("value")) for argument in facts["args"]))
        elif method == "Log.entryAdded" and facts["entry"]["level"] in ("error", "warning"):
            # Failed requests have a list of their own, because some are the point of a check.
            if facts["entry"]["source"] != "network":
                self.errors.append(facts["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            self.errors.append(f"a dialog opened: {facts['message']}")
            self.browser.post("Page.handleJavaScriptDialog", self.session, accept=False)
        elif method == "Network.requestWillBeSent":
            self.requests.append(facts["request"]["url"])
        elif method == "Network.responseReceived" and facts["response"]["status"] >= 400:
            self.failures.append((facts["response"]["status"], facts["response"]["url"]))
        elif method == "Fetch.requestPaused":
            if self.paused(facts):
                self.browser.post("Fetch.continueRequest", self.session, requestId=facts["requestId"])

    def wait(self, seconds):
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.browser.read(left)

    def evaluate(self, expression):
        answer = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise DevToolsError(f"{expression}: {answer['exceptionDetails'].get('exception', {}).get('description')}")
        return answer["result"].get("value")

    def until(self, expression, seconds=20):
        """Waits until an expression is true and returns its value, true for an element; None after the time-out."""
        expression = f"(value => value instanceof Element ? true : value)({expression})"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if value := self.evaluate(expression):
                    return value
            except DevToolsError:
                pass  # The page is being replaced by another.
            self.wait(0.05)
        return None

    def go(self, address):
        self.command("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")

    def reload(self):
        self.evaluate("window.before = true")
        self.command("Page.reload")
        self.until("!window.before && document.readyState === 'complete'")

    def type(self, text):
        for character in text:
            self.command("Input.dispatchKeyEvent", type="keyDown", key=character, text=character)
            self.command("Input.dispatchKeyEvent", type="keyUp", key=character)

    def press(self, key, control=False):
        facts = {"key": key, "modifiers": 2 if control else 0, **KEYS.get(key, {} if control else {"text": key})}
        self.command("Input.dispatchKeyEvent", type="keyDown", **facts)
        facts.pop("text", None)
        self.command("Input.dispatchKeyEvent", type="keyUp", **facts)
        self.wait(0.05)

    def click(self, selector):
        place = self.evaluate(
            f"(() => {{ const element = document.querySelector({json.dumps(selector)});"
            " if (!element) return null; element.scrollIntoView({block: 'center', behavior: 'instant'});"
            " const {left, top, width, height} = element.getBoundingClientRect();"
            " return [left + width / 2, top + height / 2]; })()")
        if place is None:
            raise DevToolsError(f"nothing to click at {selector}")
        for kind in ("mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)
        self.wait(0.05)

    def resize(self, width, height, mobile=False):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                     deviceScaleFactor=1, mobile=mobile)

    def color_scheme(self, scheme):
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path):
        self.wait(0.2)
        data = self.command("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
