#!/usr/bin/env python3
"""Makes the values that SentenceMeasureTests compares with: v-measure, average precision, mean average precision of candidates
and correlation of summaries, as scikit-learn, pytrec_eval and scipy compute them, and mteb with them.

Usage: sentence_goldens.py   (needs numpy, scipy, scikit-learn, pytrec_eval-terrier; written with scikit-learn 1.7)
"""

import json
from pathlib import Path

import numpy as np
import pytrec_eval
import scipy.stats
import sklearn.metrics

OUT = Path(__file__).parent.parent.parent / "Tests/KindredEvaluationTests/Fixtures/sentences.json"
random = np.random.default_rng(5)


def unit(rows, columns=6):
    vectors = random.normal(size=(rows, columns))
    return np.round(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), 4)


def v_measures():
    for labels, clusters, count in [(3, 3, 40), (5, 9, 200), (4, 1, 30), (1, 4, 30)]:
        truth, found = random.integers(0, labels, count), random.integers(0, clusters, count)
        # Some agreement.
        agree = random.random(count) < 0.6
        found = np.where(agree, truth % clusters, found)
        h, c, v = sklearn.metrics.homogeneity_completeness_v_measure(truth, found)
        yield {"labels": truth.tolist(), "clusters": found.tolist(), "homogeneity": h, "completeness": c, "v": v}


def precisions():
    for count, digits in [(10, 6), (80, 1), (200, 2)]:
        right = random.random(count) < 0.3
        right[0] = True
        scores = np.round(random.random(count) + 0.3 * right, digits)
        yield {"scores": scores.tolist(), "right": right.tolist(),
               "value": sklearn.metrics.average_precision_score(right, scores)}


def reranking():
    """Queries of one or two texts; the score of a candidate is the larger cosine, as in mteb's RerankingEvaluator."""
    queries, texts, candidates = [], [], []
    measures = []
    for number in range(12):
        asked, positives, negatives = unit(1 + number % 2), unit(1 + number % 3), unit(4 + number)
        listed = np.concatenate([positives, negatives])
        scores = (listed @ asked.T).max(axis=1)
        qrel = {"q": {str(i): int(i < len(positives)) for i in range(len(listed))}}
        run = {"q": {str(i): float(score) for i, score in enumerate(scores)}}
        found = pytrec_eval.RelevanceEvaluator(qrel, {"map", "recip_rank"}).evaluate(run)["q"]
        rank = found["recip_rank"] if found["recip_rank"] >= 0.1 else 0.0
        measures.append((found["map"], rank))
        queries.append({"texts": len(asked), "positives": len(positives), "negatives": len(negatives)})
        texts += asked.tolist()
        candidates += listed.tolist()
    return {"queries": queries, "texts": texts, "candidates": candidates,
            "map": float(np.mean([m for m, _ in measures])), "mrr": float(np.mean([r for _, r in measures]))}


def summaries():
    """For each document the correlation of scores and of the largest cosine to a reference (mteb, SummarizationEvaluator)."""
    documents, references, machine = [], [], []
    correlations = []
    for number in range(6):
        known, judged = unit(3), unit(8)
        scores = np.round(random.random(8) * 5, 1)
        similar = (judged @ known.T).max(axis=1)
        correlations.append(scipy.stats.spearmanr(similar, scores).statistic)
        documents.append({"references": 3, "scores": scores.tolist()})
        references += known.tolist()
        machine += judged.tolist()
    return {"documents": documents, "references": references, "summaries": machine,
            "spearman": float(np.mean(correlations))}


OUT.write_text(json.dumps({
    "vMeasures": list(v_measures()), "precisions": list(precisions()), "reranking": reranking(), "summaries": summaries(),
}, separators=(",", ":")) + "\n")
print(OUT.stat().st_size)
