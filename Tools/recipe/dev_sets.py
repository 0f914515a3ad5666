"""The dev sets in PyTorch, for curves during GPU training. The published figures come from `kindred eval`."""

import math
from pathlib import Path

import numpy as np
import torch

from shared_data import read

RETRIEVAL = {"HotpotQA": "hotpotqa_100", "WikiQA": "wikiqa/sent-dev", "Cranfield": "cranfield"}
STS = {"STS-B": "stsb.dev", "STS12": "sts12.test", "STS13": "sts13.test", "STS14": "sts14.test"}


def ranks(values):
    """Ranks, ties sharing their mean, as Spearman's coefficient wants them."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    return ((ends - counts + ends - 1) / 2)[inverse]


class DevSets:
    def __init__(self, data):
        data = Path(data)
        self.sts, self.retrieval = {}, {}
        for name, file in STS.items():
            rows = [line.rstrip("\n").split("\t") for line in open(data / "sts" / f"{file}.tsv", encoding="utf-8")]
            rows = [(float(row[0]), row[1], row[2]) for row in rows if len(row) > 2 and row[0].strip()]
            self.sts[name] = tuple(zip(*rows))
        for name, folder in RETRIEVAL.items():
            folder = data / "retrieval" / folder
            documents = {row["_id"]: "\n".join(filter(None, [row.get("title"), row["text"]]))
                         for row in read(folder / "corpus.jsonl")}
            queries = {row["_id"]: row["text"] for row in read(folder / "queries.jsonl")}
            judged = {}
            for line in next((folder / "qrels").glob("*.tsv")).read_text().splitlines()[1:]:
                query, document, judgment = line.split("\t")
                judged.setdefault(query, {})[document] = float(judgment)
            judged = {query: found for query, found in judged.items() if query in queries and max(found.values()) > 0}
            self.retrieval[name] = (documents, {query: queries[query] for query in judged}, judged)

    def measure(self, encode, similarity=True):
        """`encode`: texts → tensor of unit vectors. Spearman for STS, nDCG@10 for retrieval."""
        found = {}
        for name, (scores, first, second) in self.sts.items() if similarity else []:
            cosines = (encode(first) * encode(second)).sum(1).double().cpu().numpy()
            found[name] = float(np.corrcoef(ranks(cosines), ranks(np.array(scores)))[0, 1])
        for name, (documents, queries, judged) in self.retrieval.items():
            ids = list(documents)
            scores = encode(list(queries.values())).float() @ encode(list(documents.values())).float().T
            best = scores.topk(min(10, len(ids)), dim=1).indices.cpu().tolist()
            total = 0.0
            for (query, relevant), row in zip(judged.items(), best):
                gains = sum(max(0, relevant.get(ids[i], 0)) / math.log2(rank + 2) for rank, i in enumerate(row))
                ideal = sorted((value for value in relevant.values() if value > 0), reverse=True)[:10]
                total += gains / sum(value / math.log2(rank + 2) for rank, value in enumerate(ideal))
            found[name] = total / len(judged)
        return {name: round(value, 4) for name, value in found.items()}


if __name__ == "__main__":
    import sys

    from label import Teacher

    teacher = Teacher()
    print(DevSets(sys.argv[1]).measure(lambda texts: torch.from_numpy(teacher.encode(list(texts)).astype(np.float32))))
