#!/usr/bin/env python3
"""Measures every stage of a recipe with `kindred eval`, and writes the ablation table and its plot.

The stages: the base decoder with causal attention (Uni) and with bidirectional attention (Bi), MNTP, SimCSE, distillation,
pairs, the 8-bit encoder, each with three poolings, and the bag of its embeddings. RECIPE/figures/*.json keeps finished
measurements; they are not repeated.

Usage: figures.py --recipe runs/recipe --data DATA [--kindred BINARY] [--poolings mean,weighted_mean,eos_token]
       [--stages NAMES]
"""

import argparse
import json
import subprocess
from pathlib import Path

STAGES = [  # name, directory, attention, which states stand for a word (LLM2Vec's word_task configurations), precision
    ("Uni", "base", "causal", "own", "bf16"),
    ("Bi", "base", "bidirectional", "own", "bf16"),
    ("Bi + MNTP", "mntp/adapter", "bidirectional", "previous", "bf16"),
    ("+ SimCSE", "simcse/adapter", "bidirectional", "previous", "bf16"),
    ("+ distillation", "distill/model", "bidirectional", "own", "bf16"),
    ("+ pairs", "pairs/model", "bidirectional", "own", "bf16"),
    ("8 bits", "encoder", "bidirectional", "own", "int8"),
    ("bag of its embeddings", "bag", "bidirectional", "own", "bf16"),
]
RETRIEVAL = {"HotpotQA": "hotpotqa_100", "WikiQA": "wikiqa/sent-dev", "Cranfield": "cranfield"}
WORDS = [  # column, files to train and to test on, figure
    ("POS", ("ud-english-ewt/en_ewt-ud-train.conllu", "ud-english-ewt/en_ewt-ud-dev.conllu"), "accuracy"),
    ("NER", ("wnut17/wnut17train.conll", "wnut17/emerging.dev.conll"), "f1"),
]
COLUMNS = ["STS-B", "STS12", "STS13", "STS14", *RETRIEVAL, "POS", "NER"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--kindred", default=".build/release/kindred")
    parser.add_argument("--poolings", default="mean")
    parser.add_argument("--stages", help="names, separated by commas; default: all that are there")
    return parser.parse_args()


def measured(arguments, key, *command):
    path = arguments.recipe / "figures" / (key.replace("/", "-").replace(" ", "-") + ".json")
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        done = subprocess.run([arguments.kindred, "eval", *map(str, command), "--json", "--quiet"], check=True,
                              stdout=subprocess.PIPE)
        path.write_bytes(done.stdout)
    return json.loads(path.read_text())


def row(arguments, directory, attention, align, precision, pooling):
    data, model = arguments.data, arguments.recipe / directory
    use = ["--model", model, "--attention", attention, "--precision", precision]
    pooled = [*use, "--pooling", pooling]
    name = f"{directory} {attention} {pooling}"
    found = {}
    files = [data / "sts" / f"{n}.tsv" for n in ["stsb.dev", "sts12.test", "sts13.test", "sts14.test"]]
    for column, file in zip(COLUMNS, measured(arguments, name + " sts", "sts", *files, *pooled)["files"]):
        found[column] = file.get("spearman")  # none where all cosines are one
    folders = [data / "retrieval" / folder for folder in RETRIEVAL.values()]
    sets = measured(arguments, name + " retrieval", "retrieval", *folders, "--mode", "semantic", *pooled)["sets"]
    for column, entry in zip(RETRIEVAL, sets):
        found[column] = entry["results"][0]["ndcg_at_10"]
    if pooling == "mean":  # words are not pooled
        align = ["--align", align, "--sentences", "3000"]
        for column, files, figure in WORDS:
            key = f"{directory} {attention} {column}"
            report = measured(arguments, key, "words", *[data / "word" / f for f in files], *use, *align)
            found[column] = report["accuracy"] if figure == "accuracy" else report["entities"][figure]
    return found


def cell(value):
    return "" if value is None else f"{value:.3f}".lstrip("0")


def plot(path, names, rows):
    """The mean of STS and of retrieval, a point for each stage."""
    width, height, left, bottom = 720, 320, 50, 60
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
             'font-size="12">', f'<rect width="{width}" height="{height}" fill="white"/>']
    step = (width - left - 120) / max(1, len(names) - 1)
    for tick in range(0, 9, 2):
        y = height - bottom - tick / 8 * (height - bottom - 20)
        lines.append(f'<path d="M{left} {y}H{width - 100}" stroke="#ddd"/><text x="{left - 30}" y="{y + 4}">.{tick}</text>')
    for (label, columns), colour in zip(
        [("STS", COLUMNS[:4]), ("retrieval", list(RETRIEVAL))], ["#1f5fa8", "#c0572b"]
    ):
        points = []
        for index, found in enumerate(rows):
            value = sum(found[c] for c in columns) / len(columns)
            points.append((left + index * step, height - bottom - max(0, value) / 0.8 * (height - bottom - 20)))
        path_data = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        lines.append(f'<path d="{path_data}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points]
        lines.append(f'<text x="{points[-1][0] + 10:.1f}" y="{points[-1][1] + 4:.1f}" fill="{colour}">{label}</text>')
    for index, name in enumerate(names):
        lines.append(f'<text x="{left + index * step:.1f}" y="{height - bottom + 20}" text-anchor="middle">{name}</text>')
    lines.append(f'<text x="{left}" y="{height - 12}">Mean Spearman (STS-B dev, STS12–14) and mean nDCG@10, mean pooling</text>')
    path.write_text("\n".join(lines + ["</svg>"]) + "\n")


def main():
    arguments = parse()
    print("| stage | pooling | " + " | ".join(COLUMNS) + " |")
    print("|---|---|" + "---|" * len(COLUMNS))
    names, rows = [], []
    for name, directory, attention, align, precision in STAGES:
        wanted = not arguments.stages or name in arguments.stages.split(",")
        if not wanted or not (arguments.recipe / directory).exists():
            continue
        for pooling in arguments.poolings.split(","):
            if directory in ("encoder", "bag") and pooling != "mean":
                continue
            found = row(arguments, directory, attention, align, precision, pooling)
            print(f"| {name} | {pooling} | " + " | ".join(cell(found.get(c)) for c in COLUMNS) + " |", flush=True)
            if pooling == "mean":
                names.append(name)
                rows.append(found)
    plot(arguments.recipe / "figures" / "stages.svg", names, rows)


if __name__ == "__main__":
    main()
