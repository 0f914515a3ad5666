#!/usr/bin/env python3
"""Compares Kindred's plain text of articles with that of mwparserfromhell and of wikiextractor, and prints tables.

Usage: wikitext_parity.py KINDRED DUMP... [--samples N]

A dump is a MediaWiki export, plain or compressed by bzip2. For each dump: the articles; what is left of markup in each of
the three texts; which share of mwparserfromhell's words Kindred has (recall; and again without the words of references, captions of files,
categories and left-out sections), and which share of Kindred's words mwparserfromhell has (precision); and where the other
words come from. With --samples, examples of those whose origin is
not known follow.

Words are runs of letters and digits in lower case, and single characters of Chinese and Japanese, counted with repetition. Both references work without templates: a
dump does not say what a template shows, and neither looks them up here.

Needs mwparserfromhell and wikiextractor (Tools/requirements.txt).
"""

import argparse
import bz2
import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from pathlib import Path

import mwparserfromhell
from wikiextractor.extract import Extractor

FILE = re.compile(r"\.(?:jpe?g|png|svg|gif|ogg|oga|ogv|tiff?|webm|pdf|djvu|mid|flac|wav)\s*$", re.IGNORECASE)
# Chinese and Japanese write no spaces: there each character is a word.
UNSPACED = r"\u3041-\u30ff\u3400-\u9fff"
WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")
TAG = re.compile(
    r"</?(?:ref|br|div|span|table|tr|td|th|small|sup|sub|p|center|big|font|ul|ol|li|gallery|math|blockquote|includeonly|noinclude)"
    r"(?:\s[^<>]*)?/?>", re.IGNORECASE)
MARKUP = {"{{": "{{", "}}": "}}", "[[": "[[", "]]": "]]", "{|": "{|", "|-": "|-", "|}": "|}", "''": "''"}


class Wiki:
    """A dump's articles, and the names of its namespaces for files and categories."""

    def __init__(self, path):
        self.files, self.categories, self.articles = {"file", "image"}, {"category"}, []
        opener = bz2.open if Path(path).suffix == ".bz2" else open
        with opener(path, "rb") as file:
            try:
                self.read(file)
            except (ElementTree.ParseError, EOFError):
                pass  # cut off: what came before counts

    def read(self, file):
        for _, element in ElementTree.iterparse(file):
            name = element.tag.rpartition("}")[2]
            if name == "namespace" and element.text:
                {"6": self.files, "14": self.categories}.get(element.get("key"), set()).add(element.text.lower())
            if name != "page":
                continue
            find = lambda path: element.find("/".join("{*}" + part for part in path.split("/")))
            namespace, model = find("ns"), find("revision/model")
            if find("redirect") is None and (namespace is None or namespace.text == "0") \
                    and (model is None or model.text == "wikitext"):
                self.articles.append((find("title").text, find("revision/text").text or ""))
            element.clear()


def words(text):
    return Counter(WORD.findall(text.lower()))


def residue(text, prefixes):
    count = sum(text.count(mark) for mark in MARKUP.values()) + len(TAG.findall(text))
    return count + len(prefixes.findall(text))


def stripped(code):
    return code.strip_code(normalize=True, collapse=True)


def is_alone(link, text):
    """Whether a link stands on a line of links, as categories and links to other languages do."""
    return re.search(r"(?:^|\]\])[ ]*" + re.escape(str(link)) + r"[ ]*(?:$|\[\[)", text, re.MULTILINE) is not None


def origins(code, wiki, sections):
    """The words of mwparserfromhell's text by what in the source they come from."""
    found = {"references": Counter(), "files": Counter(), "categories, languages": Counter(), "left-out sections": Counter()}
    for tag in code.filter_tags(recursive=True, matches=lambda node: str(node.tag).strip().lower() == "ref"):
        # The reference follows its word without a space: the two are one word to mwparserfromhell.
        found["references"] += words(stripped(tag.contents)) if tag.contents else Counter()
    code_text = str(code)
    for link in code.filter_wikilinks(recursive=True):
        prefix, colon, _ = str(link.title).partition(":")
        prefix = prefix.strip().lower()
        if colon and (prefix in wiki.files or FILE.search(str(link.title))):
            found["files"] += words(stripped(mwparserfromhell.parse(str(link))))
        elif colon and (prefix in wiki.categories or (is_alone(link, code_text))):
            found["categories, languages"] += words(stripped(mwparserfromhell.parse(str(link))))
    for section in code.get_sections(flat=True, include_lead=False):
        heading = next(iter(section.filter_headings(recursive=False)), None)
        if heading and WORD.findall(stripped(heading.title).lower()) not in sections:
            found["left-out sections"] += words(stripped(section))
    return found


def compare(kindred, path, samples):
    wiki = Wiki(path)
    prefixes = re.compile(
        r"(?<!\w)(?:" + "|".join(re.escape(name) for name in wiki.files | wiki.categories) + r"):\w", re.IGNORECASE)
    run = subprocess.run([kindred, "dump", "text", path, "--json"], capture_output=True, text=True)
    ours = defaultdict(list)
    for line in run.stdout.splitlines():
        article = json.loads(line)
        ours[article["title"]].append(article)
    row = Counter(articles=0)
    kinds, extra_kinds, examples = Counter(), Counter(), []
    for title, source in wiki.articles:
        if not ours[title]:
            row["missing"] += 1
            continue
        article = ours[title].pop(0)
        code = mwparserfromhell.parse(source)
        text, theirs = article["text"], stripped(code)
        extracted = "\n".join(Extractor(0, 0, "", title, []).clean_text(source, expand_templates=False))
        row["articles"] += 1
        row["kindred"] += residue(text, prefixes)
        row["mwparserfromhell"] += residue(theirs, prefixes)
        row["wikiextractor"] += residue(extracted, prefixes)
        a, b = words(text), words(theirs)
        row["both"] += (a & b).total()
        row["ours"] += a.total()
        row["theirs"] += b.total()
        missing, extra = b - a, a - b
        sections = [WORD.findall(part["path"][-1].lower()) for part in article["sections"] if part["path"]]
        for kind, found in origins(code, wiki, sections).items():
            kinds[kind] += (missing & found).total()
            missing -= found
        for table in code.filter_tags(recursive=False, matches=lambda node: str(node.tag).strip() == "table"):
            cells = words(stripped(table.contents)) if table.contents else Counter()
            kinds["tables"] += (missing & cells).total()
            missing -= cells
        kinds["other"] += missing.total()
        templates = Counter()
        for template in code.filter_templates(recursive=False):
            templates += words(str(template))
        extra_kinds["templates"] += (extra & templates).total()
        extra -= templates
        rows = words("\n".join(line for line in text.split("\n") if " | " in line))
        extra_kinds["tables"] += (extra & rows).total()
        extra -= rows
        extra_kinds["other"] += extra.total()
        examples += [(title, "lacks", word, around(theirs, word)) for word in list(missing)[:samples]]
        examples += [(title, "has", word, around(text, word)) for word in list(extra)[:samples]]
    return row, kinds, extra_kinds, examples


def around(text, word):
    found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE)
    return text[max(0, found.start() - 50):found.end() + 50].replace("\n", "⏎") if found else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kindred")
    parser.add_argument("dumps", nargs="+")
    parser.add_argument("--samples", type=int, default=0)
    arguments = parser.parse_args()
    print("| dump | articles | markup left: Kindred | mwparserfromhell | wikiextractor | recall | recall of the comparable | precision |"
          " lacks: references | files | categories, languages | left-out sections | tables | other | has: templates | tables | other |")
    print("|---|" + "---:|" * 16)
    shown = []
    for path in arguments.dumps:
        row, kinds, extra, examples = compare(arguments.kindred, path, arguments.samples)
        share = lambda count, of: f"{100 * count / max(1, row[of]):.1f} %"
        cells = [Path(path).name.split(".")[0][:28], row["articles"], row["kindred"], row["mwparserfromhell"], row["wikiextractor"],
                 share(row["both"], "theirs"),
                 f"{100 * row['both'] / max(1, row['both'] + kinds['tables'] + kinds['other']):.1f} %", share(row["both"], "ours")]
        cells += [share(kinds[kind], "theirs") for kind in ("references", "files", "categories, languages", "left-out sections", "tables", "other")]
        cells += [share(extra[kind], "ours") for kind in ("templates", "tables", "other")]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
        shown += examples
    for title, verb, word, context in shown:
        print(f"{title} {verb} «{word}»: {context}")


main()
