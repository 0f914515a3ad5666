#!/usr/bin/env python3
"""Encodes texts with `kindred encode` and prints, for each text, the one whose vector is nearest.

Usage: encode_texts.py TEXTS.txt [--kindred .build/release/kindred]   (one text per line, at least two; needs numpy)
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--kindred", default=".build/release/kindred")
    arguments = parser.parse_args()
    texts = arguments.texts.read_text(encoding="utf-8").splitlines()
    with tempfile.TemporaryDirectory() as directory:
        vectors = Path(directory) / "vectors.npy"
        subprocess.run([arguments.kindred, "encode", arguments.texts, "--out", vectors, "--quiet"], check=True)
        rows = numpy.load(vectors)  # texts × dimensions, rows of length 1
    cosines = rows @ rows.T
    numpy.fill_diagonal(cosines, -1)
    for text, cosine in zip(texts, cosines):
        print(f"{text}\n    {cosine.max():.3f}  {texts[cosine.argmax()]}")


if __name__ == "__main__":
    main()
