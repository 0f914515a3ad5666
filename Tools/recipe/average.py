#!/usr/bin/env python3
"""A model between two of one shape: what fine-tuning gained, with less of what it lost elsewhere (Wortsman et al. 2022).

Usage: average.py --first DIR --second DIR --share 0.25 --out DIR      # share: how much of the second
"""

import argparse
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=Path, required=True)
    parser.add_argument("--second", type=Path, required=True)
    parser.add_argument("--share", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    shutil.copytree(arguments.second, arguments.out)
    first = load_file(arguments.first / "model.safetensors")
    second = load_file(arguments.second / "model.safetensors")
    mixed = {name: (first[name].float().lerp(second[name].float(), arguments.share)).contiguous() for name in second}
    save_file(mixed, arguments.out / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
