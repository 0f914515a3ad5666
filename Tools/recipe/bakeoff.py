#!/usr/bin/env python3
"""Distils students of different depth and width under the same conditions, for a few million tokens, to choose one.

Trains each missing variant (GPU; stages.py distill, same texts and labels in the same order) into RECIPE/bakeoff/NAME. Draws
the means of the dev sets against tokens, with the full run if there is one.

Usage: bakeoff.py --recipe runs/encoder --data DATA --variants L4=base:4 L6=base:6 "L6 simcse=simcse/adapter:6" …
       [--tokens 12] [--rate 1e-3] [--plot FILE.svg]

A variant is NAME=DIRECTORY:LAYERS. Layers beyond those of the directory are initialized at random.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

COLOURS = ["#1f5fa8", "#c0572b", "#3a8f4d", "#8a4fa3", "#b08a1a", "#4aa3a3", "#777777", "#d14b84"]
MEANS = {"STS-B and STS12–14": ["STS-B", "STS12", "STS13", "STS14"], "retrieval": ["HotpotQA", "WikiQA", "Cranfield"]}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--variants", nargs="*", default=[])
    parser.add_argument("--tokens", type=float, default=12, help="millions")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--plot", type=Path)
    return parser.parse_args()


def measured(path):
    """Points of a run's log that have the dev sets: (tokens, {title: mean})."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(line["tokens"], {title: sum(line[c] for c in columns) / len(columns) for title, columns in MEANS.items()})
            for line in lines if all(line.get(c) == line.get(c) and c in line for cs in MEANS.values() for c in cs)]


def plot(path, runs):
    """Two panels, tokens on a logarithmic axis."""
    from math import log10
    width, height, left, panel = 900, 380, 50, 400
    low, high = 6.7, 8.8
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for index, title in enumerate(MEANS):
        origin = left + index * (panel + 30)
        lines.append(f'<text x="{origin}" y="18">{title}, mean</text>')
        for tick in range(3, 9):
            y = 300 - (tick - 3) / 5 * 260
            lines.append(f'<path d="M{origin} {y}h{panel - 60}" stroke="#ddd"/><text x="{origin - 22}" y="{y + 4}">.{tick}</text>')
        for millions in (5, 10, 50, 100, 500):
            x = origin + (log10(millions * 1e6) - low) / (high - low) * (panel - 60)
            lines.append(f'<text x="{x:.0f}" y="318" text-anchor="middle">{millions} M</text>')
        for colour, (_, points) in zip(COLOURS, runs):
            places = [(origin + (log10(tokens) - low) / (high - low) * (panel - 60), 300 - (means[title] - 0.3) / 0.5 * 260)
                      for tokens, means in points]
            lines.append('<path d="M' + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
                         + f'" fill="none" stroke="{colour}" stroke-width="2"/>')
            lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
    for index, (colour, (name, _)) in enumerate(zip(COLOURS, runs)):
        x, y = left + index % 4 * 210, 345 + index // 4 * 20
        lines.append(f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{colour}"/><text x="{x + 10}" y="{y}">{name}</text>')
    path.write_text("\n".join(lines + ["</svg>"]) + "\n")


def main():
    arguments = parse()
    folder = arguments.recipe / "bakeoff"
    for variant in arguments.variants:
        name, source = variant.split("=")
        directory, layers = source.rsplit(":", 1)
        if not (folder / name / "model").exists():
            subprocess.run(
                [sys.executable, Path(__file__).with_name("stages.py"), "distill", "--model", arguments.recipe / directory,
                 "--layers", layers, "--texts", arguments.recipe / "texts", "--labels", arguments.recipe / "labels", "--out",
                 folder / name, "--data", arguments.data, "--tokens", f"{arguments.tokens}e6", "--rate", str(arguments.rate)],
                check=True)
    runs = [(log.parent.name, points) for log in sorted(folder.glob("*/log.jsonl")) if (points := measured(log))]
    full = arguments.recipe / "distill" / "log.jsonl"
    if full.exists():
        runs.append(("full run", measured(full)))
    for name, points in runs:
        tokens, means = points[-1]
        print(f"{name}: {tokens / 1e6:.0f} M tokens, " + ", ".join(f"{title} {value:.3f}" for title, value in means.items()))
    if arguments.plot:
        plot(arguments.plot, runs)


if __name__ == "__main__":
    main()
