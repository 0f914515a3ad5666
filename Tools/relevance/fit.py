"""Fits the relevance of a hit: P(passage answers query) from the cosine and the share of the query's words it holds.

  kindred index corpus.jsonl --index NAME                       # for each set in BEIR's layout
  kindred repl --index NAME --json < queries.txt > RESULTS      # a question a line, in the order of queries.jsonl
  python3 fit.py --train QUERIES CORPUS RESULTS ... --test QUERIES CORPUS RESULTS ...

QUERIES and CORPUS are directories in BEIR's layout. Where they differ, no query has an answer in the corpus, and every
hit is a negative. Of a query with an answer, the judged passages among the ten hits are positives, all others negatives.
Prints the coefficients for Sources/Kindred/Relevance.swift and the tables of Documentation/queries.md. Needs numpy.
"""

import argparse
import glob
import json
import re

import numpy as np


def lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def judged(directory):
    """The relevant documents of each query."""
    relevant = {}
    for path in glob.glob(directory + "/qrels/*.tsv"):
        with open(path) as file:
            for line in list(file)[1:]:
                query, document, grade = line.rstrip("\n").split("\t")
                if float(grade) > 0:
                    relevant.setdefault(query, set()).add(document)
    return relevant


def read(queries, corpus, results, part):
    """A list of queries, each a list of hits (cosine, word share, whether it is an answer), best first.

    part: "a" takes the even queries, "b" the odd ones, "" all.
    """
    documents = [entry["_id"] for entry in lines(corpus + "/corpus.jsonl")]
    names = [entry["_id"] for entry in lines(queries + "/queries.jsonl")]
    answers = judged(corpus) if queries == corpus else {}
    found = lines(results)
    assert len(found) == len(names), results
    groups = []
    for number, (name, result) in enumerate(zip(names, found)):
        if part and number % 2 != "ab".index(part):
            continue
        # Questions that nobody judged, and questions without a judged answer, say nothing of this corpus.
        if queries == corpus and name not in answers:
            continue
        relevant = answers.get(name, set())
        groups.append([
            (hit["cosine"], hit["word_share"], documents[hit["line"] - 1] in relevant) for hit in result["hits"]
        ])
    return groups


def fit(x, y, weight, penalty=1e-3):
    """Logistic regression by Newton's method. Returns the coefficients, the intercept first."""
    x = np.column_stack([np.ones(len(x)), x])
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ beta))
        gradient = x.T @ (weight * (y - p)) - penalty * beta
        hessian = (x * (weight * p * (1 - p))[:, None]).T @ x + penalty * np.eye(len(beta))
        step = np.linalg.solve(hessian, gradient)
        beta += step
        if np.abs(step).max() < 1e-10:
            break
    return beta


def probability(beta, x):
    return 1 / (1 + np.exp(-(beta[0] + np.asarray(x) @ beta[1:])))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ["--train", "--test"]:
        parser.add_argument(name, action="append", nargs=3, default=[], metavar=("QUERIES", "CORPUS", "RESULTS"))
    parser.add_argument("--halve", help="sets (part of a path) whose even queries train and whose odd ones test")
    arguments = parser.parse_args()

    def load(entries, part):
        return [
            (entry, read(*entry, part if arguments.halve and re.search(arguments.halve, entry[0]) else ""))
            for entry in entries
        ]

    train, test = load(arguments.train, "a"), load(arguments.test, "b")

    # Each pair of queries and corpus weighs the same, half with answers and half without.
    x, y, weight = [], [], []
    sides = [sum(1 for entry, _ in train if (entry[0] == entry[1]) == side) for side in [True, False]]
    for (queries, corpus, _), groups in train:
        hits = [hit for group in groups for hit in group]
        share = 1 / sides[0 if queries == corpus else 1] / len(hits)
        for cosine, words, answer in hits:
            x.append((cosine, words))
            y.append(answer)
            weight.append(share)
    weight = np.array(weight) * len(weight)
    beta = fit(np.array(x), np.array(y, float), weight)
    print("intercept %.3f  cosine %.3f  word share %.3f  (%d hits, %d answers)" % (*beta, len(y), sum(y)))

    def best(groups):
        return np.array([max(probability(beta, [hit[:2] for hit in group])) for group in groups if group])

    def bests(parts):
        inside = [best(g) for (q, c, _), g in parts if q == c]
        outside = [best(g) for (q, c, _), g in parts if q != c]
        return inside, outside

    # The threshold that tells questions with an answer from those without one, both sides weighing the same.
    inside, outside = bests(train)
    candidates = np.arange(0.005, 0.6, 0.005)

    def balance(t):
        return np.mean([np.mean(b >= t) for b in inside]) + np.mean([np.mean(b < t) for b in outside])

    threshold = max(candidates, key=balance)
    print("threshold %.3f" % threshold)

    print("\nreliability (held out): | relevance | hits | predicted | answers |")
    p, answers, w = [], [], []
    for (queries, corpus, _), groups in test:
        hits = [hit for group in groups for hit in group]
        p.extend(probability(beta, [hit[:2] for hit in hits]))
        answers.extend(hit[2] for hit in hits)
        w.extend([1 / len(hits)] * len(hits))
    p, answers, w = np.array(p), np.array(answers, float), np.array(w)
    edges = [0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.001]
    for low, high in zip(edges, edges[1:]):
        inside_bin = (p >= low) & (p < high)
        if inside_bin.any():
            print("| %.2f–%.2f | %d | %.3f | %.3f |" % (
                low, min(high, 1), inside_bin.sum(), np.average(p[inside_bin], weights=w[inside_bin]),
                np.average(answers[inside_bin], weights=w[inside_bin])))
    # AUC over all hits, ties counting a half.
    order = np.argsort(p)
    ranks = np.empty(len(p))
    ranks[order] = np.arange(1, len(p) + 1)
    positives = answers.sum()
    auc = (ranks[answers == 1].sum() - positives * (positives + 1) / 2) / positives / (len(p) - positives)
    print("AUC %.3f, Brier %.4f" % (auc, np.average((p - answers) ** 2, weights=w)))

    print("\n\"nothing\" (held out): | questions | corpus | number | said |")
    name = lambda path: path.rstrip("/").split("/")[-1]
    for (queries, corpus, _), groups in test:
        b = best(groups)
        print("| %s | %s | %d | %.0f %% |" % (name(queries), name(corpus), len(b), 100 * np.mean(b < threshold)))
    inside, outside = bests(test)
    wrong = np.mean([np.mean(b < threshold) for b in inside])
    right = np.mean([np.mean(b < threshold) for b in outside])
    print("precision %.3f, recall %.3f (both kinds of questions weighing the same)" % (right / (right + wrong), right))
    for t in [0.02, 0.05, 0.1, 0.2]:
        inside_t = np.mean([np.mean(b < t) for b in inside])
        outside_t = np.mean([np.mean(b < t) for b in outside])
        print("  at %.2f: said of %.3f without and %.3f with an answer" % (t, outside_t, inside_t))


main()
