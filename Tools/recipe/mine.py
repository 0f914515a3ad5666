#!/usr/bin/env python3
"""Finds texts for each question, with the teacher's scores, for `kindred train pairs` and stages.py pairs.

Reads the texts, their labels and the pairs of texts.py. For each human-written question it searches sentences and passages
of Wikipedia and the answers of the pairs by the teacher's vectors, and takes the answer (or the nearest text if none is
known), four texts of ranks 2 to 30 and three of ranks 31 to 100. Writes JSON lines {"query", "positive", "negatives",
"scores"}; scores are the teacher's cosines, positive first. If a human chose the answer, its score is raised to .05 above the
best of the others. Scores of pairs that a program made are unchanged.

The search is exact: a matrix product on a GPU if there is one, otherwise on the cores.

Usage: mine.py --texts DIR --labels DIR --pairs pairs.jsonl --out mined.jsonl [--others 60000] [--limit N] [--seed 1]
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np
import torch

from shared_data import read

PAIRED_BY_A_PROGRAM = {"question-passage-distant", "trec-topics"}
DEPTH, NEAR, MARGIN = 100, 30, 0.05


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--others", type=int, default=60_000, help="questions without a known answer")
    parser.add_argument("--limit", type=int, default=0, help="pairs; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    arguments = parse()
    rng = random.Random(arguments.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    texts, vectors, pool, questions = [], [], [], []
    for path in sorted(arguments.texts.glob("*.jsonl")):
        label = arguments.labels / f"{path.stem}.npy"
        if not label.exists():
            continue
        part, start = read(path), len(texts)
        texts += part
        vectors.append(np.load(label))
        rows = range(start, len(texts))
        if path.stem.startswith("questions."):
            questions += rows
        else:  # titles and runs of a few words answer nothing
            pool += [row for row in rows if texts[row].count(" ") >= 6]
    vectors = torch.from_numpy(np.concatenate(vectors)).to(device)
    index = {text: row for row, text in enumerate(texts)}
    pairs = []
    for line in read(arguments.pairs):
        query, positive = index.get(line["query"].strip()), index.get(line["positive"].strip())
        if query is not None and positive is not None and query != positive:
            pairs.append((query, positive, line["source"]))
    if arguments.limit:
        pairs = rng.sample(pairs, min(arguments.limit, len(pairs)))
    asked = {query for query, _, _ in pairs}
    others = [row for row in questions if row not in asked]
    pairs += [(row, None, None) for row in rng.sample(others, min(arguments.others, len(others)))]
    rng.shuffle(pairs)
    pool = torch.tensor(pool, device=device)
    among = vectors[pool]
    if device == "cpu":
        vectors, among = vectors.float(), among.float()
    written = 0
    with open(arguments.out, "w", encoding="utf-8") as file:
        for start in range(0, len(pairs), 1024):
            part = pairs[start : start + 1024]
            wanted = vectors[torch.tensor([query for query, _, _ in part], device=device)]
            scores, best = (wanted @ among.T).topk(min(DEPTH, len(pool)), dim=1)
            best, scores = pool[best].cpu().tolist(), scores.float().cpu().tolist()
            for row, (query, positive, source) in enumerate(part):
                found = [(i, s) for i, s in zip(best[row], scores[row]) if i not in (query, positive)]
                if positive is None:
                    (positive, own), found = found[0], found[1:]
                else:
                    own = float(vectors[query].float() @ vectors[positive].float())
                if len(found) < 8:
                    continue
                near, far = found[1:NEAR] if len(found) > NEAR else found[:4], found[NEAR:] or found[4:]
                drawn = rng.sample(near, min(4, len(near))) + rng.sample(far, min(3, len(far)))
                if len(drawn) < 7:
                    continue
                if source and source not in PAIRED_BY_A_PROGRAM:
                    own = max(own, max(s for _, s in drawn) + MARGIN)
                file.write(json.dumps({
                    "query": texts[query], "positive": texts[positive], "negatives": [texts[i] for i, _ in drawn],
                    "scores": [round(s, 4) for s in [own, *(s for _, s in drawn)]]}, ensure_ascii=False) + "\n")
                written += 1
    print(f"{written} questions, {sum(source is not None for _, _, source in pairs)} with a known answer, {len(pool)} texts")


if __name__ == "__main__":
    main()
