#!/usr/bin/env python3
"""Damages an index of vectors and searches it. The answer must be correct, or the command must exit with 65 and name the file
and the byte.

fields   each header field gets several values (0, 1, one more, one less, twice, the largest, random ones), with and without a
         corrected header checksum; with it, a different answer is allowed.
bytes    random bytes change, equally often in each section.
cuts     the file is truncated or extended.

Usage: corruption_run.py --kindred .build/release/kindred --work DIRECTORY [--trials 10000] [--seed 1]
Needs numpy. Use a directory in memory (/dev/shm). Prints counts. Exits with 1 at the first trial that traps, takes more than 20
seconds or 1 GiB of memory, answers wrongly, or does not name the place.
"""

import argparse
import collections
import concurrent.futures
import random
import resource
import shutil
import subprocess
import sys
from pathlib import Path

SECTIONS = ["centre", "axes", "head", "rest", "ids", "links", "entries", "checksums"]
# Byte and size of every field; the table stands above SegmentHeader.
FIELDS = ([(0, 8), (8, 4), (12, 4), (16, 8), (24, 4), (28, 4), (32, 4), (36, 4)] + [(at, 4) for at in range(40, 144, 4)]
          + [(at, 8) for at in range(144, 216, 8)] + [(4088, 4), (4092, 4)])


def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8): value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = crc32c_table()


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data: value = TABLE[(value ^ byte) & 255] ^ value >> 8
    return value ^ 0xFFFFFFFF


def limit_memory():
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))


def trials(content, count, numbers):
    """Kind of damage, its place, whether another answer is allowed, and the damaged bytes."""
    made = 0
    for at, size in FIELDS:
        value = int.from_bytes(content[at:at + size], "little")
        top = (1 << 8 * size) - 1
        values = {0, 1, value + 1, value - 1, 2 * value, top, top >> 1, numbers.randint(0, top), numbers.randint(0, top),
                  numbers.randint(0, 1000)}
        for new in sorted(v & top for v in values if v & top != value):
            for repaired in (False, True):
                data = bytearray(content)
                data[at:at + size] = new.to_bytes(size, "little")
                if repaired and at < 4092: data[4092:4096] = crc32c(data[:4092]).to_bytes(4, "little")
                yield "fields, checksum put right" if repaired and at < 4092 else "fields", at, repaired, data
                made += 1
    starts = [int.from_bytes(content[144 + 8 * n:152 + 8 * n], "little") for n in range(9)]
    while made < count:
        data = bytearray(content)
        if made % 10 == 0:
            place = numbers.choice([numbers.randrange(len(data)), numbers.choice(starts), numbers.randrange(300)])
            if numbers.random() < 0.1:
                place = len(data)
                data += bytes(numbers.randrange(1, 5000))
            else:
                data = data[:min(place, len(data) - 1)]
            yield "cuts", place, False, data
        else:
            section = numbers.randrange(9)
            place = numbers.randrange(216 if section == 8 else starts[section],
                                      starts[0] if section == 8 else starts[section + 1])
            data[place] ^= numbers.randrange(1, 256)
            yield "bytes, " + (SECTIONS + ["behind the header"])[section], place, False, data
        made += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kindred", required=True)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    import numpy

    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    generator = numpy.random.default_rng(args.seed)
    falling = (1 / (1 + numpy.arange(40))).astype(numpy.float32)
    base = generator.standard_normal((9000, 40), dtype=numpy.float32) * falling
    numpy.save(args.work / "base.npy", base)
    numpy.save(args.work / "queries.npy", base[:20])
    index = args.work / "index.kv"
    subprocess.check_call([args.kindred, "vectors", "build", args.work / "base.npy", "--out", index])

    def search(path, answer):
        return [args.kindred, "vectors", "search", path, args.work / "queries.npy", "--ids", answer, "--ef-search", "64",
                "--mapped"]

    answer = args.work / "right.npy"
    subprocess.check_call(search(index, answer), stdout=subprocess.DEVNULL)
    right = numpy.load(answer)

    def attempt(number, kind, place, any_answer, data):
        damaged, answer = args.work / f"damaged{number}.kv", args.work / f"answer{number}.npy"
        damaged.write_bytes(data)
        try:
            done = subprocess.run(search(damaged, answer), capture_output=True, text=True, timeout=20,
                                  preexec_fn=limit_memory)
            told = done.returncode == 65 and str(damaged) in done.stderr and "byte" in done.stderr
            # A forged number of dimensions is another truth, which the queries do not fit.
            told = told or (any_answer and done.returncode == 64)
            if not told:
                assert done.returncode == 0, f"{kind}, byte {place}: exit code {done.returncode}: {done.stderr}"
                assert any_answer or (numpy.load(answer) == right).all(), f"{kind}, byte {place}: a wrong answer"
            return kind, "told" if told else "answered"
        finally:
            damaged.unlink()
            answer.unlink(missing_ok=True)

    counts = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        waiting = collections.deque()
        for number, trial in enumerate(trials(index.read_bytes(), args.trials, random.Random(args.seed))):
            waiting.append(pool.submit(attempt, number, *trial))
            if len(waiting) > 4 * args.jobs: counts[waiting.popleft().result()] += 1
            if number % 1000 == 999: print(f"{number + 1} begun", flush=True)
        for left in waiting: counts[left.result()] += 1
    for (kind, outcome), count in sorted(counts.items()): print(f"  {kind:32} {outcome:10} {count}")
    print(f"{sum(counts.values())} trials: every one told with file and byte, or answered rightly")


if __name__ == "__main__":
    sys.exit(main())
