"""Makes Tests/KindredEvaluationTests/Fixtures/goldens.json: measures, regressions and minimisations as scipy,
scikit-learn, pytrec_eval and seqeval compute them, on random numbers that a seed decides.

    pip install numpy scipy scikit-learn pytrec_eval-terrier seqeval
    python Tools/goldens/evaluation_goldens.py
"""

import json
import pathlib

import numpy as np
import pytrec_eval
import scipy.optimize
import scipy.stats
import sklearn
import seqeval.metrics
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.preprocessing import StandardScaler

OUT = pathlib.Path(__file__).parents[2] / "Tests/KindredEvaluationTests/Fixtures/goldens.json"
rng = np.random.default_rng(20240409)


def rounded(values, digits=6):
    return np.round(np.asarray(values, dtype=np.float64), digits).tolist()


def correlations():
    cases = []
    for count, levels in [(2, None), (7, 3), (50, None), (50, 6), (300, 11)]:
        x = np.round(rng.normal(size=count), 4)
        y = np.round(0.5 * x + rng.normal(size=count), 4)
        if levels:
            y = np.floor((scipy.stats.rankdata(y) - 1) / count * levels)
            x = np.round(x, 1)
        cases.append({
            "x": x.tolist(), "y": y.tolist(), "ranks": scipy.stats.rankdata(y).tolist(),
            "pearson": float(scipy.stats.pearsonr(x, y).statistic),
            "spearman": float(scipy.stats.spearmanr(x, y).statistic),
        })
    return cases


def rankings():
    """Rankings of 150 documents by 30 queries with graded judgments; scores differ, so that order is no question."""
    qrels, run = {}, {}
    for query in range(30):
        documents = [f"d{i}" for i in range(150)]
        judged = rng.choice(150, size=int(rng.integers(1, 40)), replace=False)
        qrels[f"q{query}"] = {f"d{i}": int(rng.integers(0, 4)) for i in judged}
        qrels[f"q{query}"][f"d{judged[0]}"] = 2
        # Some relevant documents are not found at all.
        found = rng.permutation(150)[: int(rng.integers(5, 151))]
        run[f"q{query}"] = {documents[i]: float(len(found) - rank) for rank, i in enumerate(found)}
    measured = pytrec_eval.RelevanceEvaluator(
        qrels, {"ndcg_cut.10", "recall.10", "recall.100"}).evaluate(run)
    cases = []
    for query, judgments in qrels.items():
        order = sorted(run[query], key=run[query].get, reverse=True)
        # BEIR, beir/retrieval/custom_metrics.py, `mrr`.
        reciprocal = next((1 / (i + 1) for i, d in enumerate(order[:10]) if judgments.get(d, 0) > 0), 0.0)
        cases.append({
            "ranking": [judgments.get(d, 0) for d in order], "judgments": list(judgments.values()),
            "ndcg_cut_10": measured[query]["ndcg_cut_10"], "recall_10": measured[query]["recall_10"],
            "recall_100": measured[query]["recall_100"], "mrr_10": reciprocal,
        })
    return cases


def minimisations():
    """Where L-BFGS-B stands on Rosenbrock's function after so many iterations."""
    start = [-1.2, 1.0, 0.7, -0.5, 2.0]
    cases = []
    for iterations in [1, 2, 3, 5, 10, 20, 35, 200]:
        result = scipy.optimize.minimize(
            lambda x: (scipy.optimize.rosen(x), scipy.optimize.rosen_der(x)), start, jac=True, method="L-BFGS-B",
            options={"maxiter": iterations, "maxls": 50, "gtol": 1e-4, "ftol": 64 * np.finfo(float).eps})
        cases.append({
            "iterations": iterations, "point": result.x.tolist(), "value": float(result.fun),
            "used": int(result.nit)})
    return {"start": start, "cases": cases}


def regressions():
    cases = []
    for name, classes, c, iterations, spread in [
        ("binary", 2, 1.0, 100, 1.0), ("six classes", 6, 1.0, 100, 1.0), ("strong penalty", 4, 0.01, 100, 1.0),
        ("cut off", 6, 100.0, 7, 3.0),
    ]:
        dimensions = 12
        centres = rng.normal(size=(classes, dimensions)) * 0.7
        labels = rng.integers(0, classes, size=240)
        features = np.round(spread * (centres[labels] + rng.normal(size=(240, dimensions))), 3)
        # Kindred keeps them as 32-bit floats.
        features = features.astype(np.float32).astype(np.float64)
        training, test = slice(0, 160), slice(160, 240)
        model = LogisticRegression(C=c, max_iter=iterations).fit(features[training], labels[training])
        predictions = model.predict(features[test])
        cases.append({
            "name": name, "classes": classes, "c": c, "iterations": iterations, "used": int(model.n_iter_[0]),
            "features": rounded(features, 3), "labels": labels.tolist(), "training": 160,
            "weights": rounded(model.coef_), "intercepts": rounded(model.intercept_),
            "predictions": predictions.tolist(),
            "accuracy": float(accuracy_score(labels[test], predictions)),
            "macro_f1": float(f1_score(labels[test], predictions, average="macro")),
        })
    features = np.round(rng.normal(size=(20, 4)) * [1, 10, 100, 0] + [0, 5, -40, 3], 3)
    return {"cases": cases, "scaling": {
        "features": features.tolist(), "scaled": rounded(StandardScaler().fit_transform(features))}}


def entities():
    kinds = ["person", "location", "creative-work"]
    labels = ["O"] * 4 + [f"{p}-{k}" for k in kinds for p in "BI"]
    cases = []
    for agreement in [0.3, 0.8, 1.0]:
        # Any order of labels, also those that no annotator would give.
        truth = [[str(x) for x in rng.choice(labels, size=int(rng.integers(1, 15)))] for _ in range(40)]
        guess = [[t if rng.random() < agreement else str(rng.choice(labels)) for t in s] for s in truth]
        flat_truth, flat_guess = sum(truth, []), sum(guess, [])
        inside = [l for l in sorted(set(labels)) if l != "O"]
        cases.append({
            "labels": truth, "predictions": guess,
            "precision": float(seqeval.metrics.precision_score(truth, guess)),
            "recall": float(seqeval.metrics.recall_score(truth, guess)),
            "f1": float(seqeval.metrics.f1_score(truth, guess)),
            "token_f1": float(f1_score(flat_truth, flat_guess, labels=inside, average="micro")),
        })
    return cases


OUT.parent.mkdir(parents=True, exist_ok=True)
OUT.write_text(json.dumps({
    "made by": f"numpy {np.__version__}, scipy {scipy.__version__}, scikit-learn {sklearn.__version__}",
    "correlations": correlations(), "rankings": rankings(), "minimisations": minimisations(),
    "regressions": regressions(), "entities": entities()}) + "\n")
print(OUT, OUT.stat().st_size, "bytes")
