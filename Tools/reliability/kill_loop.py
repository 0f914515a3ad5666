#!/usr/bin/env python3
"""Kills writers with SIGKILL, at random moments and at named points, and checks the state afterwards.

Five kinds of work are interrupted repeatedly:

vectors  `kindred vectors build` over an existing index: the file is the old or the new one, byte for byte.
repair   `kindred vectors verify --repair` of an index with damaged links: the file is the damaged or the repaired one.
index    `kindred index` of a dump, then of two newer ones in which articles have changed: whatever a reader saw committed
         before the kill still exists; every state passes `kindred verify`; after the dump is finished, catalogue and segments
         equal those of an uninterrupted run, byte for byte.
reindex  `kindred reindex` to another encoder: the same.
train    `kindred train mntp`, resumed with --resume: the adapter equals that of an uninterrupted run, byte for byte, and no
         temporary file remains.

KINDRED_KILL_AT names a point (Sources/KindredSystem/KillPoint.swift). Half of the kills are random.

Usage: kill_loop.py --kindred .build/release/kindred --work DIRECTORY [--kills 300] [--seed 1]
Needs numpy. Prints counts. Exits with 1 if something was lost or damaged.
"""

import argparse
import collections
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

FILE_POINTS = ["file-begun", "file-written", "file-synced", "file-renamed", "file-durable"]
CATALOG_POINTS = ["before-transaction", "in-transaction", "after-transaction", "segments-replaced"]


class Loop:
    def __init__(self, args):
        self.kindred, self.work, self.random = args.kindred, args.work, random.Random(args.seed)
        self.kills = collections.Counter()
        self.states = collections.Counter()

    def command(self, *arguments, environment=None, check=True):
        return subprocess.run([self.kindred, *map(str, arguments)], capture_output=True, text=True, check=check,
                              env={**os.environ, **(environment or {})})

    def seconds(self, *arguments):
        start = time.perf_counter()
        self.command(*arguments)
        return time.perf_counter() - start

    def count(self, kind, point):
        self.kills[kind, point] += 1
        if sum(self.kills.values()) % 10 == 0: print(f"  {sum(self.kills.values())} kills", flush=True)

    def killed(self, kind, arguments, seconds, points, most):
        """Runs a command that is killed at random, or at a point that it passes up to `most` times; whether it was."""
        point = self.random.choice(points) if self.random.random() < 0.5 else None
        environment = dict(os.environ)
        if point: environment["KINDRED_KILL_AT"] = f"{point}:{self.random.randint(1, most)}"
        process = subprocess.Popen([self.kindred, *map(str, arguments)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, env=environment)
        try:
            _, errors = process.communicate(timeout=600 if point else self.random.uniform(0, 1.05 * seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.count(kind, "random")
            return "random"
        if process.returncode == -9:
            self.count(kind, point)
            return point
        assert process.returncode == 0, f"{arguments}: exit code {process.returncode}: {errors}"
        return None

    # Files

    def vectors(self, kills):
        import numpy

        directory = self.work / "vectors"
        directory.mkdir()
        generator = numpy.random.default_rng(1)
        whole = {}
        for name, count in (("old", 2000), ("new", 6000)):
            numpy.save(directory / f"{name}.npy", generator.standard_normal((count, 48), dtype=numpy.float32))
            self.command("vectors", "build", directory / f"{name}.npy", "--out", directory / f"{name}.kv")
            whole[name] = (directory / f"{name}.kv").read_bytes()
        index = directory / "index.kv"
        build = ["vectors", "build", directory / "new.npy", "--out", index]
        seconds = self.seconds(*build)
        while sum(n for (kind, _), n in self.kills.items() if kind == "vectors") < kills:
            index.write_bytes(whole["old"])
            point = self.killed("vectors", build, seconds, FILE_POINTS, 1)
            left = [name for name, content in whole.items() if index.read_bytes() == content]
            assert left, f"vectors, {point}: the index is neither the old one nor the new one"
            if point != "random":
                assert left == (["old"] if point in FILE_POINTS[:3] else ["new"]), f"vectors, {point}: {left}"
            self.states["vectors", left[0]] += 1

    def repair(self, kills):
        directory = self.work / "vectors"
        index = directory / "index.kv"
        damaged = bytearray((directory / "new.kv").read_bytes())
        links, entries = (int.from_bytes(damaged[at:at + 8], "little") for at in (184, 192))
        for place in range(links, entries, 500): damaged[place] ^= 0x55
        index.write_bytes(damaged)
        repair = ["vectors", "verify", index, "--repair"]
        seconds = self.seconds(*repair)
        repaired = index.read_bytes()
        while sum(n for (kind, _), n in self.kills.items() if kind == "repair") < kills:
            index.write_bytes(damaged)
            point = self.killed("repair", repair, seconds, FILE_POINTS, 1)
            left = "damaged" if index.read_bytes() == damaged else "repaired"
            assert left == "damaged" or index.read_bytes() == repaired, f"repair, {point}: neither file"
            self.states["repair", left] += 1

    # Indexes

    def dump(self, name, versions):
        """Short articles that can be told apart; those whose number is in a version have another text since then."""
        text = ("<mediawiki><siteinfo><sitename>T</sitename><dbname>t</dbname><base>https://t.example/wiki/M</base>"
                "</siteinfo>")
        for page in range(1, 561):
            changes = "".join(f" It was moved {n + 1} times." for n, pages in enumerate(versions) if page in pages)
            text += (f"<page><title>Stone {page}</title><ns>0</ns><id>{page}</id><revision><id>1</id><text>Stone number "
                     f"{page} is made of basalt and lies in valley {page * 7}.{changes}\n\n== Finding ==\nPeople found "
                     f"stone {page} near the river {page * 13}.</text></revision></page>")
        path = self.work / name
        path.write_text(text + "</mediawiki>")
        return path

    @staticmethod
    def articles(directory):
        """Source id and digest of every article that a reader sees; nothing where there is no catalogue yet."""
        try:
            database = sqlite3.connect(f"file:{directory / 'catalog.sqlite'}?mode=rw", uri=True, timeout=30)
            try:
                return dict(database.execute("SELECT source_id, digest FROM article"))
            finally:
                database.close()
        except sqlite3.OperationalError:
            return {}

    @staticmethod
    def content(directory):
        """All that an index holds: rows, and the segments' names and bytes."""
        database = sqlite3.connect(f"file:{directory / 'catalog.sqlite'}?mode=rw", uri=True, timeout=30)
        rows = [list(database.execute(query)) for query in (
            "SELECT source_id, title, digest FROM article ORDER BY 1",
            "SELECT passage.id, source_id, ordinal, section, start, end FROM passage JOIN article "
            "ON article.id = article_id ORDER BY 1",
            "SELECT file, fingerprint, count FROM segment ORDER BY id",
            "SELECT passage_id FROM deletion ORDER BY 1")]
        database.close()
        return rows + [[(name, hashlib.sha256((directory / "segments" / name).read_bytes()).hexdigest())
                        for name in sorted(os.listdir(directory / "segments"))]]

    def interrupt(self, kind, directory, arguments, seconds, allowed, acknowledged):
        """One run that may be killed, with a reader beside it; what the reader saw is acknowledged."""
        done = threading.Event()

        def read():
            while not done.is_set():
                acknowledged.update(self.articles(directory))
                done.wait(0.02)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            point = self.killed(kind, arguments, seconds, FILE_POINTS + CATALOG_POINTS, 3)
        finally:
            done.set()
            reader.join()
        # Kindred is the first to open what the kill left.
        verified = self.command("verify", directory.name, "--indexes", directory.parent, check=False)
        now = self.articles(directory)
        assert verified.returncode == 0 or not now, f"{kind}, {point}: {verified.stdout}{verified.stderr}"
        for source, digest in acknowledged.items():
            assert now.get(source) in allowed(source, digest), f"{kind}, {point}: article {source} is lost"
        self.states[kind, "verified" if now else "nothing committed yet"] += 1
        return point

    def index(self, kills):
        import_root, root = self.work / "whole", self.work / "killed"
        sets = [set(range(1, 561, 7)), set(range(100, 420))]
        dumps = [self.dump(f"dump{n}.xml", sets[:n]) for n in range(3)]
        told, seconds = [], []
        for path in dumps:
            seconds.append(self.seconds("index", path, "--index", "x", "--indexes", import_root, "--quiet"))
            told.append((self.articles(import_root / "x"), self.content(import_root / "x")))
        while sum(n for (kind, _), n in self.kills.items() if kind == "index") < kills:
            shutil.rmtree(root, ignore_errors=True)
            for number, path in enumerate(dumps):
                acknowledged = {}
                arguments = ["index", path, "--index", "x", "--indexes", root, "--quiet"]
                # An article may go over to its new text at any time, and never back.
                new = told[number][0]
                allowed = lambda source, digest: {digest, new[source]} if digest != new[source] else {digest}
                while self.interrupt("index", root / "x", arguments, seconds[number], allowed, acknowledged): pass
                self.command(*arguments)
                assert self.content(root / "x") == told[number][1], f"dump {number} ended with another index"
                self.states["index", "through"] += 1

    def reindex(self, kills):
        root, whole = self.work / "reindexed", self.work / "whole"
        encoder = self.work / "encoder"
        shutil.copytree(Path(__file__).resolve().parents[2] / "Sources/Kindred/Resources/encoder", encoder)
        settings = json.loads((encoder / "llm2vec_config.json").read_text())
        settings["max_length"] = settings.get("max_length", 512) - 1
        (encoder / "llm2vec_config.json").write_text(json.dumps(settings))
        before = self.articles(whole / "x")
        shutil.copytree(whole, root)
        arguments = ["reindex", "x", "--encoder", encoder, "--indexes", root]
        seconds = self.seconds(*arguments)
        told = self.content(root / "x")
        while sum(n for (kind, _), n in self.kills.items() if kind == "reindex") < kills:
            shutil.rmtree(root)
            shutil.copytree(whole, root)
            while self.interrupt("reindex", root / "x", arguments, seconds, lambda source, digest: {digest},
                                 dict(before)): pass
            self.command(*arguments)
            assert self.content(root / "x") == told, "reindex ended with another index"
            self.states["reindex", "through"] += 1

    def train(self, kills):
        fixtures = Path(__file__).resolve().parents[2] / "Tests/KindredEncoderTests/Fixtures"
        model, text = self.work / "model", self.work / "text.txt"
        shutil.copytree(fixtures / "llama", model)
        shutil.copy(fixtures / "tokenizer.json", model)
        text.write_text("\n\n".join(f"Stone number {n} is made of basalt and lies in valley {7 * n}." for n in range(200)))

        def arguments(run):
            return ["train", "mntp", text, "--model", model, "--out", self.work / run, "--steps", "60", "--batch", "8",
                    "--length", "16", "--rank", "4", "--mask-token", "x", "--checkpoint-every", "5", "-q", "--resume"]

        adapter = "adapter/adapter_model.safetensors"
        seconds = self.seconds(*arguments("trained"))
        told = (self.work / "trained" / adapter).read_bytes()
        run = self.work / "resumed"
        while sum(n for (kind, _), n in self.kills.items() if kind == "train") < kills:
            shutil.rmtree(run, ignore_errors=True)
            while self.killed("train", arguments("resumed"), seconds, FILE_POINTS, 12): pass
            self.command(*arguments("resumed"))
            assert (run / adapter).read_bytes() == told, "train ended with another adapter"
            assert not list(run.rglob("*.tmp")), "a temporary file stays"
            self.states["train", "through"] += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kindred", required=True)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    loop = Loop(args)
    started = time.perf_counter()
    for work, share in ((loop.vectors, 0.25), (loop.repair, 0.15), (loop.index, 0.25), (loop.reindex, 0.15),
                        (loop.train, 0.2)):
        work(round(share * args.kills))
        print(f"{work.__name__}: {sum(loop.kills.values())} kills after {time.perf_counter() - started:.0f} s", flush=True)
    for (kind, point), count in sorted(loop.kills.items()): print(f"  killed  {kind:8} {point:20} {count}")
    for (kind, state), count in sorted(loop.states.items()): print(f"  found   {kind:8} {state:20} {count}")
    print(f"{sum(loop.kills.values())} kills, {sum(n for (_, point), n in loop.kills.items() if point != 'random')} of "
          "them at named points: nothing lost, nothing damaged")


if __name__ == "__main__":
    sys.exit(main())
