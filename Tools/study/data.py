#!/usr/bin/env python3
"""Makes a data directory for `kindred study` of data sets that lie about: links to those in layouts that it reads, and files in
mteb's layout for kinds that have none.

  clustering       the texts of a classification set, whose labels are the groups
  reranking        WikiQA: the sentences of a question's article, those that answer it against the others
  pair-classification  SICK-R: pairs of relatedness 4.5 and above against pairs of 3 and below

Usage: data.py DATA OUT   (DATA as kindred eval has it: sts, retrieval, classification, word)
"""

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path


def write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def lines(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


def clustering(data):
    with open(data / "classification/banking77/train.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    texts = rows[::10]
    yield "banking77", [{"sentences": [row["text"] for row in texts], "labels": [row["category"] for row in texts]}]
    pairs = [line.split(" ", 1) for line in lines(data / "classification/trec/TREC_10.label")]
    yield "trec", [{"sentences": [text for _, text in pairs], "labels": [label for label, _ in pairs]}]


def reranking(data):
    directory = data / "retrieval/wikiqa/sent-dev"
    articles = defaultdict(dict)
    for line in lines(directory / "corpus.jsonl"):
        record = json.loads(line)
        articles[record["_id"].rsplit("-", 1)[0]][record["_id"]] = record["text"]
    answers = defaultdict(set)
    for file in (directory / "qrels").glob("*.tsv"):
        for line in lines(file)[1:]:
            query, document, judgment = line.split("\t")
            if int(judgment) > 0:
                answers[query].add(document)
    for line in lines(directory / "queries.jsonl"):
        record = json.loads(line)
        right = answers.get(record["_id"], set())
        article = {}
        for document in right:
            article |= articles[document.rsplit("-", 1)[0]]
        positive = [text for id, text in article.items() if id in right]
        negative = [text for id, text in article.items() if id not in right]
        if positive and negative:
            yield {"query": record["text"], "positive": positive, "negative": negative}


def duplicates(data):
    for line in lines(data / "sts/sickr.train.tsv"):
        score, first, second = line.split("\t")
        if float(score) >= 4.5 or float(score) <= 3:
            yield {"sent1": [first], "sent2": [second], "labels": [int(float(score) >= 4.5)]}


def main():
    data, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name in ["sts", "retrieval", "classification", "word"]:
        link = out / name
        if (data / name).exists() and not link.exists():
            link.symlink_to(data / name)
    for name, records in clustering(data):
        write(out / f"clustering/{name}.jsonl", records)
    write(out / "reranking/wikiqa.jsonl", list(reranking(data)))
    write(out / "pair-classification/sickr.jsonl", list(duplicates(data)))


if __name__ == "__main__":
    main()
