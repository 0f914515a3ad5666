#!/usr/bin/env python3
"""Changes bytes of an index of vectors, or cuts it off, and searches it: the answer is the right one, or the command ends
with exit code 65 and names the file and the byte.

Usage: corruption_run.py --kindred .build/release/kindred --work DIRECTORY [--trials 10000] [--seed 1]
Needs numpy. Prints counts; exit code 1 at the first trial that traps, hangs, takes too much memory or answers wrongly.
"""

import argparse
import random
import resource
import shutil
import subprocess
import sys
from pathlib import Path


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kindred", required=True)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    import numpy

    random_numbers = random.Random(args.seed)
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    generator = numpy.random.default_rng(args.seed)
    base = generator.standard_normal((9000, 40), dtype=numpy.float32) * (1 / (1 + numpy.arange(40, dtype=numpy.float32)))
    numpy.save(args.work / "base.npy", base)
    numpy.save(args.work / "queries.npy", base[:20])
    index, damaged, answer = (args.work / name for name in ("index.kv", "damaged.kv", "answer.npy"))
    subprocess.check_call([args.kindred, "vectors", "build", args.work / "base.npy", "--out", index])
    search = lambda path: [args.kindred, "vectors", "search", path, args.work / "queries.npy", "--ids", answer,
                           "--ef-search", "64", "--mapped"]
    subprocess.check_call(search(index), stdout=subprocess.DEVNULL)
    right = numpy.load(answer)
    content = index.read_bytes()
    counts = {"right": 0, "told": 0}
    for trial in range(args.trials):
        data = bytearray(content)
        # Every byte of the header's fields in turn, then random ones, then cuts.
        if trial < 216:
            place = trial
            data[place] ^= random_numbers.randrange(1, 256)
        elif trial % 10:
            place = random_numbers.randrange(len(data))
            data[place] ^= random_numbers.randrange(1, 256)
        else:
            place = random_numbers.randrange(len(data))
            data = data[:place]
        damaged.write_bytes(data)
        answer.unlink(missing_ok=True)
        done = subprocess.run(search(damaged), capture_output=True, text=True, timeout=60, preexec_fn=limit_memory)
        if done.returncode == 0:
            assert (numpy.load(answer) == right).all(), f"trial {trial}, byte {place}: a wrong answer"
            counts["right"] += 1
        else:
            assert done.returncode == 65 and str(damaged) in done.stderr and "byte" in done.stderr, (
                f"trial {trial}, byte {place}: exit code {done.returncode}: {done.stderr}")
            counts["told"] += 1
    print(f"{args.trials} trials: {counts['told']} told with file and byte, {counts['right']} answered rightly")


if __name__ == "__main__":
    sys.exit(main())
