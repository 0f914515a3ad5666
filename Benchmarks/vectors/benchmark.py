#!/usr/bin/env python3
"""Recall and speed of vector indexes: kindred vectors against hnswlib, FAISS and USearch, same vectors, one run.

One search thread, two build threads; cosine. Exact search in 32-bit floats gives the true neighbours. Each index is built,
saved, opened and searched in a process of its own. A peer's point is the fastest of --repeats runs over all queries, passed
as one array; Kindred reads them from one file. Rates between measured points are interpolated: the logarithm of the rate over
the recall. The peak memory of a build is that of its process; a peer's process holds the vectors as 32-bit floats, Kindred
reads them from the file piece by piece.

Usage: benchmark.py --base BASE.npy --queries QUERIES.npy [--kindred .build/release/kindred] [--work runs/vectors]
       [--repeats 3] [--peers hnswlib,faiss-hnsw-sq8,faiss-ivfpq,usearch-i8] [--saved hnswlib,...]

--saved reads these peers from results.json in --work, which must come from this machine and the same files; the table then
says so. Needs the packages in Tools/requirements.txt. Writes results.json, table.md and curves.svg into --work.
"""

import argparse
import hashlib
import json
import math
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
K = 10
WIDTHS = [10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 100, 128, 160, 200, 256, 320, 400, 512, 800, 1200, 1600]
RECALLS = [0.90, 0.95, 0.98, 0.99]
ENOUGH = 0.997


def recall(found, truth):
    return sum(len(set(a.tolist()) & set(b.tolist())) for a, b in zip(found, truth)) / truth.size


def timed(search, queries, truth, repeats):
    best, found = 0, None
    for _ in range(repeats):
        start = time.perf_counter()
        found = search(queries)
        best = max(best, len(queries) / (time.perf_counter() - start))
    return {"recall": recall(found, truth), "qps": best}


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def by_width(title, set_width, search, queries, truth, repeats):
    """Points of increasing width, until recall is high enough."""
    points = []
    for width in WIDTHS:
        set_width(width)
        points.append({"setting": f"{title} {width}", **timed(search, queries, truth, repeats)})
        if points[-1]["recall"] > ENOUGH:
            break
    return points


def run_kindred(args, work):
    index = work / "kindred.kv"
    built = json.loads(subprocess.check_output(
        [args.kindred, "vectors", "build", args.base, "--out", index, "--threads", "2", "--json"]))
    searched = json.loads(subprocess.check_output(
        [args.kindred, "vectors", "search", index, args.queries, "--truth", work / "truth.npy", "-k", str(K), "--threads",
         "1", "--ef-search", ",".join(map(str, WIDTHS)), "--repeats", str(args.repeats), "--json"]))
    info = json.loads(subprocess.check_output([args.kindred, "vectors", "info", index, "--json"]))
    points = []
    for run in searched["runs"]:
        points.append({"setting": f"efSearch {run['ef_search']}", "recall": run["recall"], "qps": run["qps"],
                       "latency_us": run["latency_microseconds"]})
        if run["recall"] > ENOUGH:
            break
    return {"build_seconds": built["seconds"], "bytes": built["bytes"], "peak_bytes": built["peak_bytes"],
            "open_ms": info["open_milliseconds"], "resident_open_ms": searched["open_milliseconds"], "points": points}


class Build:
    """Times a build. `result` is the peer's result; open_ms and points are added to it."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.start = time.perf_counter()
        return self

    def __exit__(self, *_):
        self.result = {"build_seconds": time.perf_counter() - self.start, "peak_bytes": peak_bytes()}

    def opened(self, open_index):
        start = time.perf_counter()
        index = open_index(str(self.path))
        self.result |= {"open_ms": (time.perf_counter() - start) * 1000, "bytes": self.path.stat().st_size}
        return index


def run_hnswlib(args, path, base, queries, truth):
    import hnswlib

    with Build(path) as build:
        index = hnswlib.Index("ip", base.shape[1])
        index.init_index(len(base), M=16, ef_construction=200, random_seed=1)
        index.set_num_threads(2)
        index.add_items(base)
    index.save_index(str(path))

    def load(name):
        index = hnswlib.Index("ip", base.shape[1])
        index.load_index(name)
        return index

    index = build.opened(load)
    index.set_num_threads(1)
    return build.result | {"points": by_width("ef", index.set_ef, lambda q: index.knn_query(q, K)[0], queries, truth,
                                              args.repeats)}


def run_faiss_hnsw(args, path, base, queries, truth):
    import faiss

    faiss.omp_set_num_threads(2)
    with Build(path) as build:
        index = faiss.index_factory(base.shape[1], "HNSW32,SQ8", faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 200
        index.train(base)
        index.add(base)
    faiss.write_index(index, str(path))
    index = build.opened(faiss.read_index)
    faiss.omp_set_num_threads(1)

    def set_width(width):
        index.hnsw.efSearch = width

    return build.result | {"points": by_width("efSearch", set_width, lambda q: index.search(q, K)[1], queries, truth,
                                              args.repeats)}


def run_faiss_ivfpq(args, path, base, queries, truth):
    import faiss

    d = base.shape[1]
    lists = max(64, 2 ** round(math.log2(len(base)) / 2))
    faiss.omp_set_num_threads(2)
    with Build(path) as build:
        index = faiss.index_factory(d, f"IVF{lists},PQ{d // 2}x4fs,Refine(SQ8)", faiss.METRIC_INNER_PRODUCT)
        index.train(base)
        index.add(base)
    faiss.write_index(index, str(path))
    index = build.opened(faiss.read_index)
    faiss.omp_set_num_threads(1)
    points = []
    inner = faiss.downcast_index(index.base_index)
    for factor in (2, 4, 8):
        for probes in (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256):
            if probes > lists:
                break
            inner.nprobe = probes
            index.k_factor = factor
            points.append({"setting": f"nprobe {probes}, k_factor {factor}",
                           **timed(lambda q: index.search(q, K)[1], queries, truth, args.repeats)})
    # The best rate at each recall.
    points.sort(key=lambda p: -p["recall"])
    front, best = [], 0
    for point in points:
        if point["qps"] > best:
            best = point["qps"]
            front.append(point)
    return build.result | {"points": front[::-1]}


def run_usearch(args, path, base, queries, truth):
    import numpy
    from usearch.index import Index

    with Build(path) as build:
        index = Index(ndim=base.shape[1], metric="cos", dtype="i8", connectivity=16, expansion_add=200)
        index.add(numpy.arange(len(base)), base, threads=2)
    index.save(str(path))
    index = build.opened(Index.restore)

    def set_width(width):
        index.expansion_search = width

    return build.result | {"points": by_width("expansion", set_width, lambda q: index.search(q, K, threads=1).keys,
                                              queries, truth, args.repeats)}


PEERS = {"hnswlib": run_hnswlib, "faiss-hnsw-sq8": run_faiss_hnsw, "faiss-ivfpq": run_faiss_ivfpq,
         "usearch-i8": run_usearch}
TITLES = {"kindred": "Kindred", "hnswlib": "hnswlib M16 ef200", "faiss-hnsw-sq8": "FAISS HNSW32,SQ8",
          "faiss-ivfpq": "FAISS IVF,PQ fast-scan, Refine(SQ8)", "usearch-i8": "USearch i8 (16, 200)"}


def rate_at(points, wanted):
    """The rate at a recall; None if the recall is not reached."""
    if points and points[0]["recall"] >= wanted:
        return points[0]["qps"]
    for low, high in zip(points, points[1:]):
        if low["recall"] <= wanted <= high["recall"]:
            if high["recall"] == low["recall"]:
                return high["qps"]
            share = (wanted - low["recall"]) / (high["recall"] - low["recall"])
            return math.exp((1 - share) * math.log(low["qps"]) + share * math.log(high["qps"]))
    return None


def table(results, count):
    lines = ["| index | build | peak memory | bytes/vector | open | " + " | ".join(f"QPS @{r:.2f}" for r in RECALLS) + " |",
             "|---|---|---|---|---|" + "---|" * len(RECALLS)]
    for name, result in results.items():
        rates = [rate_at(result["points"], r) for r in RECALLS]
        lines.append(f"| {TITLES[name]} | {result['build_seconds']:.1f} s | {result['peak_bytes'] / 1e6:,.0f} MB | "
                     f"{result['bytes'] / count:,.0f} | {result['open_ms']:.1f} ms | "
                     + " | ".join("–" if rate is None else f"{rate:,.0f}" for rate in rates) + " |")
    return "\n".join(lines) + "\n"


def comparison(results):
    """Kindred divided by each peer."""
    ours = results["kindred"]
    lines = ["| against | QPS @.95 | QPS @.99 | lowest from .90 to .99 | bytes | build time |", "|---|---|---|---|---|---|"]

    def times(peer, wanted):
        a, b = rate_at(ours["points"], wanted), rate_at(peer["points"], wanted)
        # None if the peer does not reach the recall; 0 if only Kindred does not.
        return None if b is None else (a or 0) / b

    for name, peer in results.items():
        if name == "kindred":
            continue
        cells = [times(peer, 0.95), times(peer, 0.99),
                 min((t for t in (times(peer, 0.90 + step / 200) for step in range(19)) if t is not None), default=None)]
        cells = ["–" if c is None else f"{c:.2f}×" if c else "not reached" for c in cells]
        cells += [f"{ours[key] / peer[key]:.2f}" for key in ("bytes", "build_seconds")]
        lines.append(f"| {TITLES[name]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def svg(results, title):
    colours = ["#c0392b", "#2c3e50", "#2980b9", "#16a085", "#8e44ad"]
    left, top, width, height = 70, 40, 560, 360
    least = 0.85
    rates = [p["qps"] for r in results.values() for p in r["points"] if p["recall"] >= least]
    low, high = math.log10(min(rates)), math.log10(max(rates))
    x = lambda recall: left + (recall - least) / (1 - least) * width
    y = lambda qps: top + (high - math.log10(qps)) / max(0.1, high - low) * height
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="700" height="{top + height + 50 + 18 * len(results)}" '
             f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
             f'<text x="{left}" y="24" font-size="14">{title}</text>',
             f'<text x="{left - 6}" y="{top - 6}" text-anchor="end">queries/s</text>',
             f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#999"/>']
    for tick in (0.85, 0.90, 0.95, 0.98, 0.99, 1.0):
        parts.append(f'<line x1="{x(tick):.1f}" y1="{top}" x2="{x(tick):.1f}" y2="{top + height}" stroke="#ddd"/>'
                     f'<text x="{x(tick):.1f}" y="{top + height + 16}" text-anchor="middle">{tick:g}</text>')
    for power in range(math.floor(low), math.ceil(high) + 1):
        for step in (1, 2, 5):
            if low <= math.log10(step) + power <= high:
                place = y(step * 10**power)
                parts.append(f'<line x1="{left}" y1="{place:.1f}" x2="{left + width}" y2="{place:.1f}" stroke="#ddd"/>'
                             f'<text x="{left - 6}" y="{place + 4:.1f}" text-anchor="end">{step * 10**power:,}</text>')
    for number, (name, result) in enumerate(results.items()):
        colour = colours[number % len(colours)]
        points = [p for p in result["points"] if p["recall"] >= least]
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
                     + " ".join(f"{x(p['recall']):.1f},{y(p['qps']):.1f}" for p in points) + '"/>')
        parts += [f'<circle cx="{x(p["recall"]):.1f}" cy="{y(p["qps"]):.1f}" r="3" fill="{colour}"/>' for p in points]
        line = top + height + 54 + 18 * number
        parts.append(f'<line x1="{left}" y1="{line - 4}" x2="{left + 24}" y2="{line - 4}" stroke="{colour}" '
                     f'stroke-width="3"/><text x="{left + 32}" y="{line}">{TITLES[name]}</text>')
    parts.append(f'<text x="{left + width / 2}" y="{top + height + 34}" text-anchor="middle">recall@10</text></svg>')
    return "\n".join(parts)


def load(path):
    import numpy

    vectors = numpy.load(path).astype(numpy.float32)
    for start in range(0, len(vectors), 65536):
        part = vectors[start:start + 65536]
        part /= numpy.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def machine():
    model = platform.processor()
    if os.path.exists("/proc/cpuinfo"):
        model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), model)
    return f"{platform.node()}, {model}, {os.cpu_count()} cores"


def inputs(args):
    """The inputs of the results: machine, vectors, queries."""
    digests = []
    for path in (args.base, args.queries):
        with open(path, "rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return {"machine": machine(), "base": digests[0], "queries": digests[1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True)
    parser.add_argument("--queries", required=True)
    parser.add_argument("--kindred", default=str(ROOT / ".build/release/kindred"))
    parser.add_argument("--work", default=str(ROOT / "runs/vectors"))
    parser.add_argument("--title", help="name of the vectors, for the table and the curves")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--saved", default="")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    import numpy

    work = Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    truth_file = work / "truth.npy"
    if args.one:
        # Each peer runs in a process of its own, so that its peak memory is its own.
        base, queries, truth = load(args.base), load(args.queries), numpy.load(truth_file)
        path = work / f"{args.one}.bin"
        result = PEERS[args.one](args, path, base, queries, truth)
        path.unlink()
        print(json.dumps(result))
        return
    peers = [name for name in args.peers.split(",") if name]
    saved = [name for name in args.saved.split(",") if name]
    if unknown := set(peers + saved) - set(PEERS):
        parser.error(f"no such peer: {', '.join(sorted(unknown))}")
    about = inputs(args)
    earlier = work / "results.json"
    earlier = json.loads(earlier.read_text()) if earlier.exists() else {}
    same = earlier.get("inputs") == about
    if saved and not same:
        parser.error("--saved: results.json in --work is missing, or from another machine, base or queries")
    if missing := set(saved) - set(earlier.get("results", {})):
        parser.error(f"--saved: not in results.json: {', '.join(sorted(missing))}")
    if not (same and truth_file.exists()):
        subprocess.check_call([args.kindred, "vectors", "truth", args.base, args.queries, "--out", truth_file, "-k", str(K)])
    count, dimensions = numpy.load(args.base, mmap_mode="r").shape
    title = f"{count:,} × {dimensions} {args.title or 'vectors'}, {len(numpy.load(truth_file)):,} queries"
    results = {"kindred": run_kindred(args, work)}
    print(table(results, count), flush=True)
    for name in PEERS:
        if name in saved:
            results[name] = earlier["results"][name]
        elif name in peers:
            results[name] = json.loads(subprocess.check_output([sys.executable, __file__, *sys.argv[1:], "--one", name]))
            print(table({name: results[name]}, count), flush=True)
        # Save after each peer: an interrupted run loses at most one.
        kept = results | {k: v for k, v in earlier.get("results", {}).items() if same and k not in results}
        (work / "results.json").write_text(
            json.dumps({"title": title, "inputs": about, "load": os.getloadavg()[0], "results": kept}, indent=1))
    text = f"{title}; one search thread, two build threads; {about['machine'].split(', ', 1)[1]}\n\n"
    text += table(results, count) + "\n" + comparison(results)
    if saved:
        text += "\nFrom an earlier run: " + ", ".join(TITLES[name] for name in saved) + "\n"
    (work / "table.md").write_text(text)
    (work / "curves.svg").write_text(svg(results, title))
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
