#!/usr/bin/env python3
"""Recall of keyword search in other languages: is a word's own passage among the first ten?

For each dump, words are drawn from its passages with a fixed seed and asked by `kindred search --mode keyword`. A word
counts if it stands in at most ten passages, as a reader's search for it would (the same letters, without case): of more,
no ranking can show all. In scripts with spaces a word is a run of letters; in Chinese, Japanese and Thai two characters
that stand next to each other.

The language is the one that the file's name begins with ("de.xml.bz2"), whatever the dump's header says: excerpts often
carry another wiki's.

    Benchmarks/keyword/recall.py DUMP… [--kindred .build/release/kindred] [--words 50] [--seed 1]
"""
import argparse
import bz2
import json
import random
import re
import subprocess
import tempfile
from pathlib import Path

UNSPACED = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]{2}|[\u0e01-\u0e2e][\u0e30-\u0e4e]*[\u0e01-\u0e2e][\u0e30-\u0e4e]*")
WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f\u064b-\u065f\u0900-\u0903\u093a-\u094f])+")


def run(kindred: str, *arguments: str) -> str:
    return subprocess.run([kindred, *arguments], check=True, capture_output=True, text=True).stdout


def passages(kindred: str, indexes: str) -> dict[int, str]:
    """The passages of the only index, by id, with their titles and headings."""
    import sqlite3  # Only to list them: the texts are printed by search.

    name = next(Path(indexes).iterdir()).name
    database = sqlite3.connect(f"file:{indexes}/{name}/catalog.sqlite?mode=ro&immutable=1", uri=True)
    rows = database.execute("SELECT passage.id, source_id, start, end, title, section FROM passage JOIN article ON article.id = article_id")
    return {row[0]: row[1:] for row in rows}


def with_own_language(dump: str, directory: str) -> str:
    """A copy of the dump whose header names the language of the file's name."""
    code = Path(dump).name.split(".")[0]
    opened = bz2.open(dump, "rb") if dump.endswith(".bz2") else open(dump, "rb")
    with opened as file:
        xml = file.read()
    header, body = xml[:4096], xml[4096:]
    header = re.sub(rb'xml:lang="[^"]*"', b'xml:lang="' + code.encode() + b'"', header)
    header = re.sub(rb"<dbname>[^<]*</dbname>", b"<dbname>" + code.encode() + b"wiki</dbname>", header)
    copy = Path(directory) / f"{code}.xml"
    copy.write_bytes(header + body)
    return str(copy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dumps", nargs="+", metavar="DUMP")
    parser.add_argument("--kindred", default=".build/release/kindred")
    parser.add_argument("--words", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{'dump':10} {'passages':>8} {'words':>6} {'found':>6}  not found")
    total = [0, 0]
    for dump in options.dumps:
        with tempfile.TemporaryDirectory() as indexes, tempfile.TemporaryDirectory() as copies:
            dump = with_own_language(dump, copies)
            run(options.kindred, "index", dump, "--indexes", indexes, "--quiet", "--max-page", "8")
            rows = passages(options.kindred, indexes)
            lines = run(options.kindred, "dump", "text", dump, "--json").splitlines()
            texts = {article["id"]: article["text"].encode() for article in map(json.loads, lines)}
            own = {
                key: "\n".join([title, section.replace("\x1f", "\n"), texts[source][start:end].decode()])
                for key, (source, start, end, title, section) in rows.items() if source in texts
            }
            candidates = sorted(
                {(word, key) for key, text in own.items() for word in UNSPACED.findall(text) or WORD.findall(text)})
            random.Random(options.seed).shuffle(candidates)
            asked, found, missing = 0, 0, []
            for word, key in candidates:
                if asked == options.words:
                    break
                if sum(word.lower() in text.lower() for text in own.values()) > 10:
                    continue
                asked += 1
                answer = run(
                    options.kindred, "search", "--indexes", indexes, "--mode", "keyword", "-k", "10", "--json", "--", word)
                if any(hit["passage_id"] == key for hit in json.loads(answer)["hits"]):
                    found += 1
                else:
                    missing.append(word)
            total[0] += asked
            total[1] += found
            print(f"{Path(dump).name.split('.')[0]:10} {len(own):8} {asked:6} {found:6}  {' '.join(missing)}", flush=True)
    print(f"{'all':10} {'':8} {total[0]:6} {total[1]:6}  {total[1] / max(1, total[0]):.3f}")


if __name__ == "__main__":
    main()
