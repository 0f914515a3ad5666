#!/usr/bin/env python3
"""Hard negatives for pairs: passages that a query finds and that do not answer it.

Takes the questions and clozes among the pairs, looks each up among all their passages with the model that the first stage
trained (`kindred encode`, exact cosine) and with BM25 (SQLite's FTS5, porter tokenizer, as the index has it), and keeps two
of what stands high in either list: from rank 2 on, not the positive, not of the positive's article, and, for the model,
no more similar than 0.95 of the positive's own similarity, so that a passage that answers as well is not called wrong.
Pairs of the other kinds are mixed in as they are, a third of the whole, and lines of answers.jsonl (answers.py), which have
their own negatives, in the number asked for.

Usage: mine.py --pairs pairs.jsonl --model DIR --work DIR --out mined.jsonl [--count 40000] [--answers answers.jsonl
       --answer-count 40000] [--kindred BINARY] [--seed 1]
"""

import argparse
import json
import random
import re
import sqlite3
import subprocess
from pathlib import Path

import numpy as np

from pairs import read, write

DEPTH = 30


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40_000)
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--answer-count", type=int, default=40_000)
    parser.add_argument("--kindred", default=".build/release/kindred")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def title(passage):
    return passage.split("\n", 1)[0] if "\n" in passage else None


def vectors(arguments, name, texts):
    source, out = arguments.work / f"{name}.jsonl", arguments.work / f"{name}.npy"
    source.write_text("".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts), encoding="utf-8")
    subprocess.run(
        [arguments.kindred, "encode", source, "--json-lines", "--model", arguments.model, "--out", out,
         "--precision", "int8", "--quiet"],
        check=True,
    )
    return np.load(out)


def keyword_lists(queries, passages):
    database = sqlite3.connect(":memory:")
    database.execute("create virtual table passage using fts5(text, content='', tokenize='porter unicode61')")
    database.executemany("insert into passage(rowid, text) values (?, ?)", enumerate(passages))
    for query in queries:
        # The rarest words decide, and they are long; common ones only cost time.
        words = sorted(set(re.findall(r"\w{3,}", query.lower())), key=lambda word: (-len(word), word))[:8]
        if not words:
            yield []
            continue
        match = " OR ".join(f'"{word}"' for word in words)
        rows = database.execute(
            "select rowid from passage where passage match ? order by bm25(passage) limit 10", (match,))
        yield [row[0] for row in rows]


def main():
    arguments = parse()
    arguments.work.mkdir(parents=True, exist_ok=True)
    rng = random.Random(arguments.seed)
    lines = read(arguments.pairs)
    rng.shuffle(lines)
    # Sentences with words left out and passages as queries have no wrong answers to learn from.
    searched = [line for line in lines if "negatives" in line or "\n" not in line["query"] and "?" in line["query"]]
    searched = searched[: arguments.count * 2 // 3]
    chosen = {id(line) for line in searched}
    rest = [line for line in lines if id(line) not in chosen][: arguments.count - len(searched)]
    passages = [line["positive"] for line in searched] + [line["positive"] for line in rest]
    queries = [line["query"] for line in searched]
    found, wanted = vectors(arguments, "passages", passages), vectors(arguments, "queries", queries)
    own = (wanted * found[: len(wanted)]).sum(1)
    negatives = [[] for _ in queries]
    for start in range(0, len(queries), 512):
        scores = wanted[start : start + 512] @ found.T
        best = np.argpartition(-scores, DEPTH, axis=1)[:, :DEPTH]
        for row in range(len(scores)):
            order = best[row][np.argsort(-scores[row, best[row]])]
            limit = 0.95 * own[start + row]
            negatives[start + row] = [int(i) for i in order if i != start + row and scores[row, i] < limit][:8]
    mined = []
    for index, (line, keyword) in enumerate(zip(searched, keyword_lists(queries, passages))):
        mine = title(line["positive"])

        def wrong(candidates):
            return [
                passages[i] for i in candidates
                if i != index and passages[i] != line["positive"] and (mine is None or title(passages[i]) != mine)
            ]

        semantic, lexical = wrong(negatives[index]), wrong(keyword[1:])
        picked = semantic[:1] + [passage for passage in lexical[:1] if passage not in semantic[:1]]
        mined.append({"query": line["query"], "positive": line["positive"], "negatives": picked})
    mined += rest
    answers = read(arguments.answers, arguments.answer_count) if arguments.answers else []
    mined += answers
    rng.shuffle(mined)
    write(arguments.out, mined)
    print(f"{len(mined)} pairs, {len(searched)} of them with mined negatives, {len(answers)} against sentences of an article")


if __name__ == "__main__":
    main()
