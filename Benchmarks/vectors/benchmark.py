#!/usr/bin/env python3
"""Recall and speed of vector indexes: kindred vectors beside hnswlib, FAISS and USearch, on the same vectors, in one run.

One search thread, two build threads; cosine. Truth is exact search in 32-bit floats. A peer's point is the quickest of
--repeats runs over all queries, which it gets as one array; Kindred gets them as one file. Rates between the measured
points are interpolated: the logarithm of the rate over the recall.

Usage: benchmark.py --base BASE.npy --queries QUERIES.npy [--kindred .build/release/kindred] [--work runs/vectors]
       [--repeats 3] [--peers hnswlib,faiss-hnsw-sq8,faiss-ivfpq,usearch-i8]
Needs numpy, hnswlib, faiss-cpu, usearch (written with hnswlib 0.8, faiss 1.15, usearch 2.26). Writes results.json,
table.md and curves.svg into --work.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
K = 10
WIDTHS = [10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 100, 128, 160, 200, 256, 320, 400, 512, 800]
RECALLS = [0.90, 0.95, 0.98, 0.99]


def recall(found, truth):
    return sum(len(set(a.tolist()) & set(b.tolist())) for a, b in zip(found, truth)) / truth.size


def timed(search, queries, truth, repeats):
    best, found = 0, None
    for _ in range(repeats):
        start = time.perf_counter()
        found = search(queries)
        best = max(best, len(queries) / (time.perf_counter() - start))
    return {"recall": recall(found, truth), "qps": best}


def curve(points):
    """Points until recall no longer rises."""
    kept = []
    for point in points:
        kept.append(point)
        if point["recall"] > 0.997:
            break
    return kept


def run_kindred(args, work, truth_file):
    index = work / "kindred.kv"
    built = json.loads(subprocess.check_output(
        [args.kindred, "vectors", "build", args.base, "--out", index, "--threads", "2", "--json"]))
    searched = json.loads(subprocess.check_output(
        [args.kindred, "vectors", "search", index, args.queries, "--truth", truth_file, "-k", str(K), "--threads", "1",
         "--ef-search", ",".join(map(str, WIDTHS)), "--repeats", str(args.repeats), "--json"]))
    info = json.loads(subprocess.check_output([args.kindred, "vectors", "info", index, "--json"]))
    points = [{"setting": f"efSearch {run['ef_search']}", "recall": run["recall"], "qps": run["qps"],
               "latency_us": run["latency_microseconds"]} for run in searched["runs"]]
    return {"build_seconds": built["seconds"], "bytes": built["bytes"], "peak_bytes": built["peak_bytes"],
            "open_ms": info["open_milliseconds"], "points": curve(points)}


def run_hnswlib(args, work, base, queries, truth):
    import hnswlib

    index = hnswlib.Index("ip", base.shape[1])
    start = time.perf_counter()
    index.init_index(len(base), M=16, ef_construction=200, random_seed=1)
    index.set_num_threads(2)
    index.add_items(base)
    seconds = time.perf_counter() - start
    index.save_index(str(work / "hnswlib.bin"))
    index.set_num_threads(1)
    points = []
    for width in WIDTHS:
        index.set_ef(width)
        points.append({"setting": f"ef {width}", **timed(lambda q: index.knn_query(q, K)[0], queries, truth, args.repeats)})
        if points[-1]["recall"] > 0.997:
            break
    return {"build_seconds": seconds, "bytes": (work / "hnswlib.bin").stat().st_size, "points": points}


def run_faiss_hnsw(args, work, base, queries, truth):
    import faiss

    faiss.omp_set_num_threads(2)
    start = time.perf_counter()
    index = faiss.index_factory(base.shape[1], "HNSW32,SQ8", faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 200
    index.train(base)
    index.add(base)
    seconds = time.perf_counter() - start
    faiss.write_index(index, str(work / "faiss-hnsw.bin"))
    faiss.omp_set_num_threads(1)
    points = []
    for width in WIDTHS:
        index.hnsw.efSearch = width
        points.append({"setting": f"efSearch {width}", **timed(lambda q: index.search(q, K)[1], queries, truth, args.repeats)})
        if points[-1]["recall"] > 0.997:
            break
    return {"build_seconds": seconds, "bytes": (work / "faiss-hnsw.bin").stat().st_size, "points": points}


def run_faiss_ivfpq(args, work, base, queries, truth):
    import faiss

    d = base.shape[1]
    lists = max(64, 2 ** round(math.log2(len(base)) / 2))
    faiss.omp_set_num_threads(2)
    start = time.perf_counter()
    index = faiss.index_factory(d, f"IVF{lists},PQ{d // 2}x4fs,Refine(SQ8)", faiss.METRIC_INNER_PRODUCT)
    index.train(base)
    index.add(base)
    seconds = time.perf_counter() - start
    faiss.write_index(index, str(work / "faiss-ivfpq.bin"))
    faiss.omp_set_num_threads(1)
    points = []
    inner = faiss.downcast_index(index.base_index)
    for factor in (2, 4, 8):
        for probes in (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256):
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
    return {"build_seconds": seconds, "bytes": (work / "faiss-ivfpq.bin").stat().st_size, "points": front[::-1]}


def run_usearch(args, work, base, queries, truth):
    import numpy
    from usearch.index import Index

    start = time.perf_counter()
    index = Index(ndim=base.shape[1], metric="cos", dtype="i8", connectivity=16, expansion_add=200)
    index.add(numpy.arange(len(base)), base, threads=2)
    seconds = time.perf_counter() - start
    index.save(str(work / "usearch.bin"))
    points = []
    for width in WIDTHS:
        index.expansion_search = width
        points.append({"setting": f"expansion {width}",
                       **timed(lambda q: index.search(q, K, threads=1).keys, queries, truth, args.repeats)})
        if points[-1]["recall"] > 0.997:
            break
    return {"build_seconds": seconds, "bytes": (work / "usearch.bin").stat().st_size, "points": points}


PEERS = {"hnswlib": run_hnswlib, "faiss-hnsw-sq8": run_faiss_hnsw, "faiss-ivfpq": run_faiss_ivfpq,
         "usearch-i8": run_usearch}
TITLES = {"kindred": "Kindred", "hnswlib": "hnswlib M16 ef200", "faiss-hnsw-sq8": "FAISS HNSW32,SQ8",
          "faiss-ivfpq": "FAISS IVF,PQ fast-scan, Refine(SQ8)", "usearch-i8": "USearch i8 (16, 200)"}


def rate_at(points, wanted):
    """The rate at a recall; None where it is not reached."""
    for low, high in zip(points, points[1:]):
        if low["recall"] <= wanted <= high["recall"]:
            if high["recall"] == low["recall"]:
                return high["qps"]
            share = (wanted - low["recall"]) / (high["recall"] - low["recall"])
            return math.exp((1 - share) * math.log(low["qps"]) + share * math.log(high["qps"]))
    return points[0]["qps"] if points and points[0]["recall"] >= wanted else None


def table(results, count):
    lines = ["| index | build | bytes/vector | " + " | ".join(f"QPS @{r:.2f}" for r in RECALLS) + " |",
             "|---|---|---|" + "---|" * len(RECALLS)]
    for name, result in results.items():
        rates = [rate_at(result["points"], r) for r in RECALLS]
        lines.append(f"| {TITLES[name]} | {result['build_seconds']:.1f} s | {result['bytes'] / count:.0f} | "
                     + " | ".join("–" if rate is None else f"{rate:,.0f}" for rate in rates) + " |")
    return "\n".join(lines) + "\n"


def svg(results, title):
    colours = ["#c0392b", "#2c3e50", "#2980b9", "#16a085", "#8e44ad"]
    left, top, width, height = 70, 40, 560, 360
    rates = [p["qps"] for r in results.values() for p in r["points"] if p["recall"] >= 0.85]
    low, high = math.log10(min(rates)), math.log10(max(rates))
    x = lambda recall: left + (recall - 0.85) / 0.15 * width
    y = lambda qps: top + (high - math.log10(qps)) / max(0.1, high - low) * height
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="700" height="{top + height + 60}" font-family="sans-serif" '
             f'font-size="12"><text x="{left}" y="20">{title}</text>',
             f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#999"/>']
    for tick in (0.85, 0.90, 0.95, 0.98, 0.99, 1.0):
        parts.append(f'<line x1="{x(tick):.1f}" y1="{top}" x2="{x(tick):.1f}" y2="{top + height}" stroke="#eee"/>'
                     f'<text x="{x(tick):.1f}" y="{top + height + 16}" text-anchor="middle">{tick:g}</text>')
    for power in range(math.floor(low), math.ceil(high) + 1):
        for step in (1, 2, 5):
            if low <= math.log10(step) + power <= high:
                place = y(step * 10**power)
                parts.append(f'<line x1="{left}" y1="{place:.1f}" x2="{left + width}" y2="{place:.1f}" stroke="#eee"/>'
                             f'<text x="{left - 6}" y="{place + 4:.1f}" text-anchor="end">{step * 10**power:,}</text>')
    for number, (name, result) in enumerate(results.items()):
        colour = colours[number % len(colours)]
        points = [p for p in result["points"] if p["recall"] >= 0.85]
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
                     + " ".join(f"{x(p['recall']):.1f},{y(p['qps']):.1f}" for p in points) + '"/>')
        parts += [f'<circle cx="{x(p["recall"]):.1f}" cy="{y(p["qps"]):.1f}" r="3" fill="{colour}"/>' for p in points]
        parts.append(f'<text x="{left + 10}" y="{top + height - 80 + 16 * number}" fill="{colour}">{TITLES[name]}</text>')
    parts.append(f'<text x="{left + width / 2}" y="{top + height + 36}" text-anchor="middle">recall@10</text></svg>')
    return "\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True)
    parser.add_argument("--queries", required=True)
    parser.add_argument("--kindred", default=str(ROOT / ".build/release/kindred"))
    parser.add_argument("--work", default=str(ROOT / "runs/vectors"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", default=",".join(PEERS))
    args = parser.parse_args()
    import numpy

    work = Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    truth_file = work / "truth.npy"
    subprocess.check_call([args.kindred, "vectors", "truth", args.base, args.queries, "--out", truth_file, "-k", str(K)])
    truth = numpy.load(truth_file)
    results = {"kindred": run_kindred(args, work, truth_file)}
    print(table({"kindred": results["kindred"]}, len(numpy.load(args.base, mmap_mode="r"))), flush=True)
    base, queries = (numpy.load(path).astype(numpy.float32) for path in (args.base, args.queries))
    for vectors in (base, queries):
        vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
    for name in filter(None, args.peers.split(",")):
        results[name] = PEERS[name](args, work, base, queries, truth)
        print(table({name: results[name]}, len(base)), flush=True)
    load = os.getloadavg()[0]
    title = f"{len(base):,} × {base.shape[1]} vectors, {len(queries):,} queries, one search thread"
    (work / "results.json").write_text(json.dumps({"title": title, "load": load, "results": results}, indent=1))
    (work / "table.md").write_text(f"{title}\n\n" + table(results, len(base)))
    (work / "curves.svg").write_text(svg(results, title))
    sys.stdout.write((work / "table.md").read_text())


if __name__ == "__main__":
    main()
