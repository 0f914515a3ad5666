#!/usr/bin/env python3
"""Kills writers with SIGKILL at random moments and checks what is left.

vectors: `kindred vectors build` over an index that is there already: afterwards the file is the old index or the new one,
whole. index: `kindred index` of a dump, again and again until it is through: every passage that `kindred status` has
told stays there, and `kindred verify` finds nothing wrong.

Usage: kill_loop.py --kindred .build/release/kindred --work DIRECTORY [--rounds 300] [--dump FILE | --sample] [--seed 1]
Needs numpy. Prints counts; exit code 1 where something was lost or damaged.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path


def run_and_kill(command, delay):
    """Whether the command was killed before it ended by itself."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=delay)
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def seconds_of(command):
    start = time.perf_counter()
    subprocess.check_call(command, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def check_vectors(args, random_numbers):
    import numpy

    work = args.work / "vectors"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    generator = numpy.random.default_rng(args.seed)
    for name, count in (("old", 3000), ("new", 12_000)):
        numpy.save(work / f"{name}.npy", generator.standard_normal((count, 48), dtype=numpy.float32))
    index = work / "index.kv"
    build = lambda name: [args.kindred, "vectors", "build", work / f"{name}.npy", "--out", index]
    whole = seconds_of(build("new"))
    kills = olds = news = 0
    for _ in range(args.rounds):
        subprocess.check_call(build("old"), stdout=subprocess.DEVNULL)
        kills += run_and_kill(build("new"), random_numbers.uniform(0, 1.1 * whole))
        subprocess.check_call([args.kindred, "vectors", "verify", index], stdout=subprocess.DEVNULL)
        count = json.loads(subprocess.check_output([args.kindred, "vectors", "info", index, "--json"]))["vectors"]
        assert count in (3000, 12_000), count
        olds += count == 3000
        news += count == 12_000
    print(f"vectors: {args.rounds} rounds, {kills} killed, {olds} times the old index, {news} times the new one, all whole")


def check_index(args, random_numbers):
    work = args.work / "index"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    source = ["--sample"] if args.sample else [args.dump]
    index = [args.kindred, "index", *source, "--index", "killed", "--indexes", work]
    status = [args.kindred, "status", "killed", "--indexes", work, "--json"]
    kills = runs = committed = 0
    for _ in range(args.rounds):
        killed = run_and_kill(index, random_numbers.uniform(0.1, args.longest))
        kills += killed
        told = subprocess.run(status, capture_output=True)
        if told.returncode == 0:
            passages = json.loads(told.stdout)["indexes"][0]["passages"]
            assert passages >= committed, f"{committed} passages were there, now {passages}"
            committed = passages
            subprocess.check_call([args.kindred, "verify", "killed", "--indexes", work], stdout=subprocess.DEVNULL)
        if not killed:
            runs += 1
            shutil.rmtree(work / "killed", ignore_errors=True)
            committed = 0
    print(f"index: {args.rounds} rounds, {kills} killed, {runs} runs through, nothing lost, every state verified")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kindred", required=True)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--dump")
    parser.add_argument("--sample", action="store_true")
    parser.add_argument("--longest", type=float, default=8, help="seconds until a run of kindred index is killed, at most")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    random_numbers = random.Random(args.seed)
    check_vectors(args, random_numbers)
    if args.dump or args.sample:
        check_index(args, random_numbers)


if __name__ == "__main__":
    sys.exit(main())
