#!/usr/bin/env python3
"""Writes the sample dump that ships with Kindred, from the articles beside this script.

The articles were written for this project and share its licence. The dump has the layout of a multistream
pages-articles dump: a bzip2 stream with the site, streams of some pages each, and one with the closing tag. The same
input gives the same bytes.

Usage: build.py [OUTPUT]   (default: Sources/Kindred/Resources/sample.xml.bz2)
"""

import bz2
import sys
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

HERE = Path(__file__).parent
OUTPUT = HERE.parent.parent / "Sources/Kindred/Resources/sample.xml.bz2"
PAGES_PER_STREAM = 20
HEADER = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">
  <siteinfo>
    <sitename>Kindred sample</sitename>
    <dbname>kindredsample</dbname>
    <base>https://sample.kindred.example/wiki/Main_Page</base>
    <generator>Kindred</generator>
    <case>first-letter</case>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="1" case="first-letter">Talk</namespace>
      <namespace key="10" case="first-letter">Template</namespace>
      <namespace key="14" case="first-letter">Category</namespace>
    </namespaces>
  </siteinfo>
"""
OTHERS = [
    ("Bach", 0, "#REDIRECT [[Johann Sebastian Bach]]", "Johann Sebastian Bach"),
    ("Moon landing", 0, "#REDIRECT [[Apollo 11]]", "Apollo 11"),
    ("Proudhon", 0, "#REDIRECT [[Pierre-Joseph Proudhon]]", "Pierre-Joseph Proudhon"),
    ("Penicillin", 0, "#REDIRECT [[Antibiotic#Discovery]]", "Antibiotic"),
    ("Chomolungma", 0, "#REDIRECT [[Mount Everest]]", "Mount Everest"),
    ("Plague", 0, "#REDIRECT [[Black Death]]", "Black Death"),
    ("Talk:Zero", 1, "Should the article say more about the Maya? ~~~~", None),
    ("Template:Stub", 10, "''This article is short. You can help by expanding it.''", None),
]


def articles():
    for path in sorted(HERE.glob("articles-*.wiki")):
        for part in path.read_text("utf-8").split("@@ ")[1:]:
            title, text = part.split("\n", 1)
            yield title.strip(), 0, text.strip() + "\n", None


def page(number, title, namespace, text, redirect):
    lines = [f"  <page>\n    <title>{escape(title)}</title>\n    <ns>{namespace}</ns>\n    <id>{number}</id>\n"]
    if redirect:
        lines.append(f"    <redirect title={quoteattr(redirect)} />\n")
    lines.append(
        f"    <revision>\n      <id>{1000 + number}</id>\n      <timestamp>2026-11-23T12:00:00Z</timestamp>\n"
        "      <contributor>\n        <username>Kindred</username>\n        <id>1</id>\n      </contributor>\n"
        "      <model>wikitext</model>\n      <format>text/x-wiki</format>\n"
        f'      <text bytes="{len(text.encode())}" xml:space="preserve">{escape(text)}</text>\n'
        "    </revision>\n  </page>\n"
    )
    return "".join(lines)


def main():
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    pages = [page(number, *entry) for number, entry in enumerate([*articles(), *OTHERS], start=1)]
    streams = [HEADER]
    for start in range(0, len(pages), PAGES_PER_STREAM):
        streams.append("".join(pages[start : start + PAGES_PER_STREAM]))
    streams.append("</mediawiki>\n")
    output.write_bytes(b"".join(bz2.compress(stream.encode(), 9) for stream in streams))
    print(f"{len(pages)} pages, {output.stat().st_size} bytes: {output}")


if __name__ == "__main__":
    main()
