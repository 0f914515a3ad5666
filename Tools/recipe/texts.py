#!/usr/bin/env python3
"""Collects the texts for distillation. They need no labels.

Writes OUT/texts/NAME.jsonl, one JSON string per line, and OUT/pairs.jsonl, one {"query", "positive", "source"} per line:
human-written questions with the sentence or passage that answers them.

| source | texts |
|---|---|
| questions/*.txt.xz | human-written questions, search queries, claims and titles |
| pairs/*.tsv(.xz) | both sides |
| retrieval/wikiqa/sent-train | questions, and the sentences of their articles |
| wikipedia-text/*.txt.xz | titles, headings under their title, single sentences, passages of 40 to 220 words, short runs of words |

Each sentence of an article goes into one text only. A passage has the form in which the index encodes it: title, heading,
body, one line each; a third have the body only. WordNet, SNLI and COCO are excluded, because their texts resemble those of
STS.

Evaluation data is excluded: a text is dropped if it, or one of its sentences of five or more words, equals a query, a sentence
or a document of the evaluation sets (comparing letters and digits, in lower case). OUT/texts.json has the counts.
OUT/vocabulary.txt holds a quarter of Wikipedia's texts and all others, as plain lines, for `kindred model cut --vocabulary`.
OUT/articles.txt holds Wikipedia's texts, for the stages that read running text.

Usage: texts.py --data DATA --out OUT [--files featured.txt,good.txt,core.txt] [--megabytes N] [--seed 1]
"""

import argparse
import hashlib
import json
import lzma
import random
from collections import Counter
from pathlib import Path

from shared_data import FILES, SENTENCE, WORD, Article, articles, read, squad, untokenized, wikiqa

IN_DOMAIN_FOR_STS = {"wordnet-glosses", "snli-dev-test", "coco-captions"}
SHARD = 100_000


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--files", default=",".join(FILES))
    parser.add_argument("--megabytes", type=int, default=0, help="of each Wikipedia file; 0: all")
    parser.add_argument("--limit", type=int, default=0, help="texts of each list of questions or pairs; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def key(text):
    return "".join(character for character in text.lower() if character.isalnum())


def evaluated(data):
    """Keys of what the evaluation sets hold: queries, documents and their sentences, sentences of STS."""
    texts = []
    for folder in ["hotpotqa_100", "cranfield", "wikiqa/sent-dev"]:
        texts += [row["text"] for row in read(data / "retrieval" / folder / "queries.jsonl")]
        texts += [row["text"] for row in read(data / "retrieval" / folder / "corpus.jsonl")]
    for name in ["stsb.dev", "sts12.test", "sts13.test", "sts14.test", "sickr.train", "sickr.trial", "stsb.train"]:
        for line in open(data / "sts" / f"{name}.tsv", encoding="utf-8"):
            texts += line.rstrip("\n").split("\t")[1:3]
    keys = set()
    for text in texts:
        keys.add(key(text))
        keys.update(key(part) for part in SENTENCE.split(text) if part.count(" ") >= 4)
    keys.discard("")
    return keys


class Writer:
    """Drops what is evaluated and what was written before; counts both."""

    def __init__(self, out, held):
        self.out, self.held, self.seen, self.counts = out, held, set(), Counter()
        self.out.mkdir(parents=True, exist_ok=True)

    def is_held(self, text):
        return key(text) in self.held or any(
            part.count(" ") >= 4 and key(part) in self.held for part in SENTENCE.split(text))

    def admit(self, text, checked=False):
        text = text.strip()
        if not text or (not checked and self.is_held(text)):
            self.counts["evaluated" if text else "empty"] += 1
            return None
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        if digest in self.seen:
            self.counts["repeated"] += 1
            return None
        self.seen.add(digest)
        return text

    def write(self, name, texts):
        with open(self.out / f"{name}.jsonl", "w", encoding="utf-8") as file:
            for text in texts:
                file.write(json.dumps(text, ensure_ascii=False) + "\n")
        self.counts[name.rsplit("-", 1)[0] if name.startswith("wikipedia") else name] += len(texts)


def xz_lines(path):
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file]


def capped(rng, texts, limit):
    return rng.sample(texts, limit) if limit and len(texts) > limit else texts


def human_written(rng, data, writer, limit):
    """Questions and pairs; returns the pairs that say which text answers which question."""
    for path in sorted((data / "questions").glob("*.txt.xz")):
        name = path.name.removesuffix(".txt.xz")
        texts = [text for text in map(writer.admit, capped(rng, xz_lines(path), limit)) if text]
        writer.write(f"questions.{name}", texts)
    gold = []
    for path in sorted((data / "pairs").glob("*.tsv.xz")):
        name = path.name.removesuffix(".tsv.xz")
        if name in IN_DOMAIN_FOR_STS:
            continue
        rows = [line.split("\t") for line in capped(rng, xz_lines(path), limit)]
        writer.write(f"pairs.{name}", [text for row in rows for text in map(writer.admit, row[:2]) if text])
        answers = name in {"clapnq", "medquad", "question-article-gold", "question-passage-distant", "trec-topics"}
        supports = name == "fool-me-twice"
        gold += [(row[0], row[1], name) for row in rows if answers or supports and row[2] == "SUPPORTS"]
    asked = [(query, sentence, "squad") for query, sentence in squad(data)]
    sentences, questions, answers = wikiqa(data)
    asked += [
        (untokenized(questions[query]["text"]), untokenized(sentences[sentence]["text"]), "wikiqa")
        for query, sentence in answers
    ]
    asked = capped(rng, asked, limit)
    sides = [side for query, sentence, _ in asked for side in (query, sentence)]
    others = capped(rng, [untokenized(row["text"]) for row in sentences.values()], limit)
    writer.write("pairs.asked", [text for text in map(writer.admit, sides + others) if text])
    kept = [pair for pair in gold + asked if not writer.is_held(pair[0]) and not writer.is_held(pair[1])]
    writer.counts["gold pairs"], writer.counts["gold pairs evaluated"] = len(kept), len(gold + asked) - len(kept)
    return kept


def of_article(rng, article, writer):
    yield article.title
    previous = ""
    for heading, sentences in article.paragraphs:
        if heading and heading != previous and rng.random() < 0.3:
            yield f"{article.title} {heading}"
        previous = heading
        start = 0
        while start < len(sentences):
            end, words = start + 1, sentences[start].count(" ") + 1
            single = rng.random() < 0.55
            if not single:
                wanted = rng.randint(40, 120) if rng.random() < 0.85 else rng.randint(120, 220)
                while end < len(sentences) and words < wanted:
                    words += sentences[end].count(" ") + 1
                    end += 1
            part, start = sentences[start:end], end
            if any(sentence.count(" ") >= 4 and key(sentence) in writer.held for sentence in part):
                writer.counts["evaluated"] += 1
                continue
            if words < 4:
                continue
            body = " ".join(" ".join(part).split()[:240])
            if rng.random() < (0.25 if single else 0.65):
                yield article.title + "\n" + (heading + "\n" if heading else "") + body
            else:
                yield body
            if rng.random() < 0.08:  # as people type what they remember
                found = WORD.findall(body.lower())
                size = min(len(found), rng.randint(2, 8))
                begin = rng.randrange(len(found) - size + 1) if found else 0
                yield " ".join(found[begin : begin + size])


def plain(out):
    with open(out / "vocabulary.txt", "w", encoding="utf-8") as some, open(out / "articles.txt", "w", encoding="utf-8") as file:
        for path in sorted((out / "texts").glob("*.jsonl")):
            of_wikipedia = path.stem.startswith("wikipedia")
            for number, text in enumerate(read(path)):
                if of_wikipedia:
                    file.write(text + "\n")
                if not of_wikipedia or number % 4 == 0:
                    some.write(text + "\n")


def main():
    arguments = parse()
    rng = random.Random(arguments.seed)
    held = evaluated(arguments.data)
    writer = Writer(arguments.out / "texts", held)
    gold = human_written(rng, arguments.data, writer, arguments.limit)
    with open(arguments.out / "pairs.jsonl", "w", encoding="utf-8") as file:
        for query, positive, source in gold:
            file.write(json.dumps({"query": query, "positive": positive, "source": source}, ensure_ascii=False) + "\n")
    print(json.dumps(writer.counts), flush=True)
    seen, shard, number = set(), [], 0
    for name in arguments.files.split(","):
        size = 0
        for identifier, lines in articles(arguments.data / "wikipedia-text" / name):
            if identifier in seen:
                continue
            seen.add(identifier)
            size += sum(map(len, lines))
            # Sentences were compared already, so that a passage is not split again.
            for made in of_article(rng, Article(lines), writer):
                if text := writer.admit(made, checked=True):
                    shard.append(text)
            while len(shard) >= SHARD:
                writer.write(f"wikipedia-{number:02}", shard[:SHARD])
                shard, number = shard[SHARD:], number + 1
                print(f"{number} shards", flush=True)
            if arguments.megabytes and size >= arguments.megabytes * 1_000_000:
                break
    writer.write(f"wikipedia-{number:02}", shard)
    plain(arguments.out)
    (arguments.out / "texts.json").write_text(json.dumps(writer.counts, indent=2) + "\n")
    print(json.dumps(writer.counts))


if __name__ == "__main__":
    main()
