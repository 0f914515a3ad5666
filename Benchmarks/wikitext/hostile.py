#!/usr/bin/env python3
"""Times `kindred dump text` on pages of nothing but markup, and prints seconds of the processor and peak memory of each.

Usage: hostile.py [KINDRED] [--megabytes N] [--only WORD]

Each page is one pattern, repeated up to N million bytes (default 10). Whatever the pattern is, the time should grow with
the size alone: with twice the bytes, twice the seconds.
"""

import argparse
import os
import subprocess
import tempfile
from xml.sax.saxutils import escape

PATTERNS = {
    "[[": "[", "{{": "{", "apostrophes": "'", "<": "<", "{|": "{|", "{| lines": "{|\n", "rules": "-", "colons": ":",
    "rows": "|-", "rows, lines": "|-\n", "<ref": "<ref", "<ref>": "<ref>", "</ref": "</ref", "<nowiki": "<nowiki ", "&": "&",
    "__": "__", "[http": "[http://x ", "[http, links": "[http://x [[a", "-{": "-{", "[[a|": "[[a|", "[[a]]": "[[a]]",
    "{{a|": "{{a|", "{{a}}": "{{a}}", "{{{a|": "{{{a|", "'''a''": "'''a'' ", "==": "=", "== a lines": "== a ==\n",
    "bullets": "*", "bullets, lines": "* a\n", "<b>": "<b>", "<table><tr><td>": "<table><tr><td>", "</td>": "</td>",
    "<!--": "<!--", "<!---->": "<!---->", "full stops": ". ", "]]": "]]", "}}": "}}", "|}": "|}\n", "[[File:": "[[File:a.jpg|",
    "[[Category:": "[[Category:a]]", "cells": "{|\n|a||b\n|}\n", "bars": "|", "! marks": "!!", "spaces": " ", "lines": "\n",
    "<a a=1": "<b a=1 ", "<span ": "<span ", "#redirect": "#R", "wide": "。", "combining": "a\u0301\u0302", "quotes": '"',
    "[[a#b|c]]d": "[[a#b|c]]d", "{{x|[[": "{{x|[[", "[[x|{{": "[[x|{{", "-{{": "-{{", "{{!}}": "{{!}}", "{{#if:": "{{#if:",
    "<ref<ref": "<ref<ref", "<gallery>": "<gallery>", "&#x": "&#x", "__A": "__A", "paragraph": "a\n\n", "<br>": "<br>",
    "{{infobox": "{{infobox|a=", "{|{|": "{|{|", "| |": "| | ", "''[[": "''[[a]]", "<nowiki/>": "<nowiki/>",
    "{{lang|": "{{lang|en|", "{{convert|": "{{convert|1|x|", "[[:": "[[:", "(": "(", "() ": "({{x}})", "<poem>": "<poem>",
}


def nested(opening, closing, size):
    count = size // (len(opening) + len(closing))
    return opening * count + closing * count


def pages(size):
    for name, pattern in PATTERNS.items():
        yield name, pattern * (size // len(pattern.encode()))
    for name, opening, closing in [
        ("nested templates", "{{a|", "}}"), ("nested links", "[[a|", "]]"), ("nested tables", "{|\n|\n", "\n|}"),
        ("nested shown templates", "{{nowrap|", "}}"), ("nested parameters", "{{{a|", "}}}"), ("nested #if", "{{#if:a|", "}}"),
        ("nested tags", "<span>", "</span>"), ("nested infoboxes", "{{infobox x\n|a=", "\n}}\n"),
        ("nested quotations", "{{quote|", "}}"), ("nested external links", "[http://x ", "]"), ("nested variants", "-{", "}-"),
        ("nested captions", "[[File:a.jpg|", "]]"), ("nested lists", "{{plainlist|\n* ", "\n* b}}"),
    ]:
        yield name, nested(opening, closing, size)
    yield "a table of one row", "{|\n" + "|a|" * (size // 3) + "\n|}"
    yield "a template of parameters", "{{x" + "|a=b" * (size // 4) + "}}"
    yield "an infobox of parameters", "{{infobox x\n" + "|a=b\n" * (size // 5) + "}}"
    yield "an open tag", "<b " + "a=1 " * (size // 4)
    yield "an open tag, closed", "<b " + "a=1 " * (size // 4) + ">"
    yield "links to one page", "[[a|b]] " * (size // 8)
    yield "links to many pages", "".join(f"[[p{i}|l{i}]] " for i in range(size // 18))
    yield "many categories", "".join(f"[[Category:p{i}]]\n" for i in range(size // 22))
    yield "dates", "{{birth date|1950|5|3}} " * (size // 24)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kindred", nargs="?", default=".build/release/kindred")
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "dump.xml")
        for name, text in pages(int(arguments.megabytes * 1e6)):
            if arguments.only not in name:
                continue
            with open(path, "w", encoding="utf-8") as file:
                file.write("<mediawiki xml:lang='zh'><page><title>T</title><ns>0</ns><id>1</id><revision><text>"
                           + escape(text) + "</text></revision></page></mediawiki>")
            process = subprocess.Popen([arguments.kindred, "dump", "text", path], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = usage.ru_utime + usage.ru_stime
            slow = "  SLOW" if seconds > 2 else ""
            large = "  LARGE" if usage.ru_maxrss > 600 << 10 else ""
            code = os.waitstatus_to_exitcode(status)
            print(f"{name:28} {seconds:6.2f} s {usage.ru_maxrss / 1024:7.0f} MB{slow}{large}"
                  + (f"  exit {code}" if code else ""), flush=True)


main()
