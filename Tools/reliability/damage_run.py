#!/usr/bin/env python3
"""Damages the catalogue of an index, its segment, and the checkpoint of a training run. Nothing may trap or be silently wrong.

catalogue    `kindred search` must answer as before or exit with 65, and `kindred verify` must exit with 65, after changes of
             bits, bytes, runs of zeros, swapped pages, and lengths.
bits         `kindred verify` must find each flipped bit in a byte of the catalogue that is not zero.
checkpoint   `kindred train --resume` must end with the intact checkpoint's adapter, or with exit code 65.
segments     as catalogue, but a hybrid search may answer by keywords with a warning.

Usage: damage_run.py --kindred .build/release/kindred --work DIRECTORY [--trials 2000] [--bits 150] [--seed 1]
Use a directory in memory (/dev/shm). Prints counts. Exits with 1 at the first trial that fails.
"""

import argparse
import collections
import concurrent.futures
import json
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
QUERIES = [("hybrid", "who argued that property is theft"), ("keyword", "emperor rampart wall"), ("semantic", "a bridge")]
PAGE = 4096
TOLD = 65


def damages(content, count, numbers):
    """Kind of damage and the damaged bytes, which are never the sound ones."""
    made = 0
    while made < count:
        data = bytearray(content)
        kind = ("bit", "byte", "bytes", "zeros", "pages", "length")[made % 6]
        place = numbers.randrange(len(data))
        if kind == "bit": data[place] ^= 1 << numbers.randrange(8)
        elif kind == "byte": data[place] = numbers.randrange(256)
        elif kind == "bytes":
            for at in range(place, min(place + numbers.randrange(2, 64), len(data))): data[at] = numbers.randrange(256)
        elif kind == "zeros":
            end = min(place + numbers.randrange(1, 2 * PAGE), len(data))
            data[place:end] = bytes(end - place)
        elif kind == "pages":
            one, other = (PAGE * numbers.randrange(max(1, len(data) // PAGE)) for _ in range(2))
            data[one:one + PAGE], data[other:other + PAGE] = data[other:other + PAGE], data[one:one + PAGE]
        elif numbers.random() < 0.7: data = data[:place]
        else: data += numbers.randbytes(numbers.randrange(1, 2 * PAGE))
        if data == content: continue
        made += 1
        yield kind, bytes(data)


class Run:
    def __init__(self, args):
        self.args, self.counts, self.local = args, collections.Counter(), threading.local()
        self.kindred = str(Path(args.kindred).resolve())

    def command(self, *arguments):
        return subprocess.run([self.kindred, *map(str, arguments)], capture_output=True, text=True, timeout=60)

    def own(self, sound):
        """A copy of a directory for each thread, so that trials do not meet."""
        if getattr(self.local, "sound", None) != sound:
            self.local.sound = sound
            self.local.copy = self.args.work / f"thread{threading.get_ident()}" / sound.name
            shutil.rmtree(self.local.copy, ignore_errors=True)
            shutil.copytree(sound, self.local.copy)
        return self.local.copy

    def all(self, name, trials, attempt):
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            waiting = collections.deque()
            for number, (kind, data) in enumerate(trials):
                waiting.append(pool.submit(attempt, kind, data))
                if len(waiting) > 4 * self.args.jobs: self.counts[name, *waiting.popleft().result()] += 1
                if number % 500 == 499: print(f"{name}: {number + 1} begun", flush=True)
            for left in waiting: self.counts[name, *left.result()] += 1

    # The index

    def search(self, root):
        answers = []
        for mode, query in QUERIES:
            done = self.command("search", query, "--mode", mode, "--index", "x", "--indexes", root, "--json")
            answer = None
            if done.returncode == 0:
                answer = json.loads(done.stdout)
                answer.pop("took_ms")
            answers.append((done.returncode, answer, done.stderr))
        return answers

    def index(self):
        sound = self.args.work / "sound"
        subprocess.check_call([self.kindred, "index", "--sample", "--index", "x", "--indexes", sound, "-q"],
                              stdout=subprocess.DEVNULL)
        right = self.search(sound)
        assert all(code == 0 for code, _, _ in right) and self.command("verify", "x", "--indexes", sound).returncode == 0
        keywords = json.loads(self.command("search", QUERIES[0][1], "--mode", "keyword", "--index", "x", "--indexes", sound,
                                           "--json").stdout)["hits"]

        def attempt(file, kind, data, searches=True):
            root = self.own(sound)
            path = root / "x" / file
            whole = path.read_bytes()
            path.write_bytes(data)
            try:
                verified = self.command("verify", "x", "--indexes", root)
                assert verified.returncode == TOLD, f"{file}, {kind}: verify: {verified.returncode} {verified.stderr}"
                if not searches: return kind, "found"
                told = 0
                for (code, answer, error), (_, expected, _) in zip(self.search(root), right):
                    if code == TOLD: told += 1
                    else:
                        assert code == 0, f"{file}, {kind}: search: {code} {error}"
                        if answer.get("warning"): assert [h["text"] for h in answer["hits"]] == [h["text"] for h in keywords]
                        else: assert answer == expected, f"{file}, {kind}: another answer"
                return kind, "told by search" if told else "found by verify, answers right"
            finally:
                path.write_bytes(whole)

        numbers = random.Random(self.args.seed)
        content = (sound / "x/catalog.sqlite").read_bytes()
        self.all("catalogue", damages(content, self.args.trials, numbers),
                 lambda kind, data: attempt("catalog.sqlite", kind, data))
        used = [place for place, byte in enumerate(content) if byte]
        flips = []
        for _ in range(self.args.bits):
            place = numbers.choice(used)
            flips.append(("bit", content[:place] + bytes([content[place] ^ 1 << numbers.randrange(8)]) + content[place + 1:]))
        self.all("bits", flips, lambda kind, data: attempt("catalog.sqlite", kind, data, searches=False))
        segment = next((sound / "x/segments").iterdir()).name
        content = (sound / "x/segments" / segment).read_bytes()
        self.all("segments", damages(content, self.args.trials // 4, numbers),
                 lambda kind, data: attempt(f"segments/{segment}", kind, data))

    # The run

    def checkpoint(self):
        model = self.args.work / "model"
        fixtures = REPOSITORY / "Tests/KindredEncoderTests/Fixtures"
        shutil.copytree(fixtures / "llama", model)
        shutil.copy(fixtures / "tokenizer.json", model)
        text = self.args.work / "text.txt"
        text.write_text("\n\n".join(f"Stone number {n} is made of basalt and lies in valley {7 * n}." for n in range(200)))
        sound = self.args.work / "runs"

        def train(root, *more):
            return self.command("train", "mntp", text, "--model", model, "--out", root / "run", "--steps", "4", "--batch", "4",
                                "--length", "16", "--rank", "4", "--mask-token", "x", "--threads", "1", "-q", *more)

        done = train(sound)
        assert done.returncode == 0, done.stderr
        adapter = "run/adapter/adapter_model.safetensors"
        right = (sound / adapter).read_bytes()

        def attempt(kind, data):
            root = self.own(sound)
            path = root / "run/checkpoint.safetensors"
            (root / adapter).unlink(missing_ok=True)
            path.write_bytes(data)
            done = train(root, "--resume")
            if done.returncode == TOLD: return kind, "told"
            assert done.returncode == 0, f"checkpoint, {kind}: {done.returncode} {done.stderr}"
            assert (root / adapter).read_bytes() == right, f"checkpoint, {kind}: another adapter, exit code 0"
            return kind, "result right"

        content = (sound / "run/checkpoint.safetensors").read_bytes()
        assert attempt("none", content) == ("none", "result right")
        self.all("checkpoint", damages(content, self.args.trials, random.Random(self.args.seed)), attempt)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kindred", required=True)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--bits", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    run = Run(args)
    run.checkpoint()
    run.index()
    for (name, kind, outcome), count in sorted(run.counts.items()): print(f"  {name:10} {kind:7} {outcome:32} {count}")
    print(f"{sum(run.counts.values())} damages: none traps, none is silently wrong")


if __name__ == "__main__":
    sys.exit(main())
