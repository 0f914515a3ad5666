#!/usr/bin/env python3
"""Sends a running `kindred serve` what it documents and what it must refuse.

1. schemathesis generates requests from /openapi.json and applies all its checks (skipped with a line if it is not installed).
2. Hostile requests over raw sockets: large, endless and slow bodies, slow and long headers, paths that leave the root, control
   characters, invalid UTF-8, wrong methods, foreign hosts, pipelining. Each gets its status and an error of the shape
   {"error": {"message", "type", "param", "code"}}, or a closed connection.
3. With --pid: memory has grown by at most 64 MiB, and no connection is left open.

Usage: check_api.py http://127.0.0.1:7700 [--pid PID] [--index NAME] [--schema FILE] [--examples 100] [--only schema|hostile] [--fast]
The server runs without a token on a loopback address. Exit code 1 if anything fails. Part 2 needs the standard library alone.
"""

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

MEMORY_GROWTH = 64 << 20
BODY_LIMIT = 8 << 20
TYPES = {"invalid_request_error", "authentication_error", "server_error"}

# q, where and facets have grammars, and dimensions a value that depends on the model, which no JSON schema expresses. So a
# request that fits the schema may get 400 here.
SCHEMA_SETTINGS = """
[parameters]
"query.index" = "{index}"

[checks]
negative_data_rejection.expected-statuses = [400, 401, 404, 405, 413, 421, 431, "5xx"]

[[operations]]
include-name = "GET /search"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 404, 431]

[[operations]]
include-name = "POST /v1/embeddings"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 404]
"""


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--pid", type=int, help="the server's process, to watch its memory and its open files")
    parser.add_argument("--index", help="an index to search; default: the first")
    parser.add_argument("--examples", type=int, default=100, help="generated requests for each operation")
    parser.add_argument("--schema", help="a file to take instead of the server's /openapi.json")
    parser.add_argument("--only", choices=["schema", "hostile"])
    parser.add_argument("--fast", action="store_true", help="leave out what waits for the limit of 30 seconds")
    return parser.parse_args()


class Answer:
    """What came back on a socket: a response, or nothing."""

    def __init__(self, data, is_closed):
        self.data = data
        self.is_closed = is_closed
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        self.status = int(words[1]) if len(words) > 1 and words[1].isdigit() else None
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()

    def error(self):
        """What is wrong with the body as an error; None if nothing."""
        if self.headers.get("content-type") != "application/json":
            return f"content type {self.headers.get('content-type')}"
        try:
            error = json.loads(self.body)["error"]
        except (ValueError, KeyError, TypeError):
            return f"no error object: {self.body[:80]!r}"
        if set(error) != {"message", "type", "param", "code"}:
            return f"fields {sorted(error)}"
        if error["type"] not in TYPES or not error["message"] or not error["code"]:
            return f"values {error}"
        return None

    def code(self):
        try:
            return json.loads(self.body)["error"]["code"]
        except (ValueError, KeyError, TypeError):
            return None

    def __str__(self):
        return f"{self.status} {self.body[:120]!r}" if self.data else "nothing" + (", closed" if self.is_closed else "")


class Server:
    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.address = (parts.hostname, parts.port or 80)
        self.host = b"Host: localhost:%d\r\n" % self.address[1]

    def connect(self, timeout=10):
        connection = socket.create_connection(self.address, timeout=timeout)
        connection.settimeout(timeout)
        return connection

    def send(self, data, timeout=10, until=None):
        """The answer to bytes. Reads until the server closes, until a response is complete, or until the time is over."""
        with self.connect(timeout) as connection:
            try:
                connection.sendall(data)
            except OSError:
                pass
            return read(connection, timeout, until)

    def get(self, target, method=b"GET", host=None, close=True):
        return self.send(self.request(target, method, host, close))

    def request(self, target, method=b"GET", host=None, close=True):
        host = self.host if host is None else host
        return method + b" " + target + b" HTTP/1.1\r\n" + host + (b"Connection: close\r\n" if close else b"") + b"\r\n"

    def post_head(self, headers):
        return b"POST /v1/embeddings HTTP/1.1\r\n" + self.host + b"Content-Type: application/json\r\n" + headers + b"\r\n"

    def post(self, body):
        return self.send(self.post_head(b"Content-Length: %d\r\nConnection: close\r\n" % len(body)) + body)


def read(connection, timeout, until=None):
    connection.settimeout(timeout)
    data = b""
    try:
        while until is None or not until(data):
            piece = connection.recv(1 << 16)
            if not piece:
                return Answer(data, True)
            data += piece
    except socket.timeout:
        return Answer(data, False)
    except OSError:
        return Answer(data, True)
    return Answer(data, False)


def is_complete(data):
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        return False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return len(body) >= int(value)
    return False


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = []

    def check(self, name, condition, detail=""):
        if condition:
            self.passed += 1
        else:
            self.failed.append(name)
            print(f"FAILED {name}: {detail}", flush=True)

    def refused(self, name, answer, statuses, code=None, may_close=False):
        """An error of the documented shape, or, where that is allowed, a closed connection."""
        statuses = {statuses} if isinstance(statuses, int) else set(statuses)
        if may_close and not answer.data and answer.is_closed:
            return self.check(name, True)
        wrong = None if answer.status in statuses else f"not {' or '.join(map(str, sorted(statuses)))}"
        wrong = wrong or answer.error()
        if code and not wrong and answer.code() != code:
            wrong = f"code is not {code}"
        self.check(name, wrong is None, f"{wrong}; got {answer}")

    def accepted(self, name, answer):
        self.check(name, answer.status == 200, f"not 200; got {answer}")


# MARK: Hostile requests


def paths(server, report):
    for target in [b"/../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"/search/../health", b"/..%2f..%2fetc/passwd", b"/nothing",
                   b"/.git/config", b"/" + b"a/" * 3000, b"*"]:
        report.refused(f"path {target[:40]!r}", server.get(target), {400, 404})
    for name in [b"..", b"%2e%2e", b"..%2fpage", b"%2fetc", b"a%00b", b".hidden", b"a" * 300]:
        report.refused(f"index {name[:20]!r}", server.get(b"/search?q=a&index=" + name), 400)
    for name in [b"0", b"-1", b"x", b"1.5", b"99999999999999999999", b"%2e%2e%2fx", b"1%00"]:
        report.refused(f"article {name!r}", server.get(b"/articles/" + name), 400)
    report.refused("model ../x", server.get(b"/v1/models/%2e%2e%2fx"), 404, "model_not_found")


def parameters(server, report, index):
    base = b"/search?index=" + index
    report.accepted("search", server.get(base + b"&q=light"))
    # What a terminal or a C string would trip over is text like any other.
    for name, text in [("nul", b"a%00b"), ("escape", b"light%1b%5b31m"), ("bidirectional", b"light%e2%80%ae"), ("emoji", b"%f0%9f%90%9d bee")]:
        report.check(f"query with {name}", server.get((base + b"&q=" + text).replace(b" ", b"%20")).status in {200, 400}, "")
    for name, text in [
        ("invalid UTF-8", b"%ff%fe"), ("overlong UTF-8", b"%c0%af"), ("surrogate", b"%ed%a0%80"), ("broken escape", b"%zz"),
        ("cut escape", b"a%2"), ("nothing", b""), ("space alone", b"%20"), ("punctuation alone", b"%22"),
        ("exclusion alone", b"-a"), ("11,000 characters", b"a" * 11000),
    ]:
        report.refused(f"query of {name}", server.get(base + b"&q=" + text), 400)
    for name, data in [("raw control character", b"&q=\x01"), ("raw invalid UTF-8", b"&q=\xff\xfe"), ("raw space", b"&q=a b")]:
        report.refused(name, server.get(base + data), 400)
    report.refused("no query", server.get(base), 400, "missing_parameter")
    report.refused("query twice", server.get(base + b"&q=a&q=b"), 400, "repeated_parameter")
    report.refused("escaped name twice", server.get(base + b"&q=a&%71=b"), 400, "repeated_parameter")
    report.refused("unknown parameter", server.get(base + b"&q=a&x=1"), 400, "unknown_parameter")
    report.refused("unknown index", server.get(b"/search?q=a&index=nothing-of-this-name"), 404)
    for text in [b"k=0", b"k=1001", b"k=x", b"k=", b"k=1e2", b"mode=x", b"group=x", b"min_score=nan", b"min_score=2", b"sentences=1",
                 b"facets=nothing_of_this_name", b"where=%27", b"where=" + b"(" * 5000, b"where=a=1;drop%20table%20x"]:
        report.refused(f"parameter {text[:20]!r}", server.get(base + b"&q=a&" + text), 400)
    for path in [b"/health", b"/metrics", b"/indexes", b"/v1/models"]:
        report.refused(f"unknown parameter of {path.decode()}", server.get(path + b"?x=1"), 400, "unknown_parameter")


def bodies(server, report):
    good = b'{"model": "embedded", "input": "light"}'
    report.accepted("vectors", server.post(good))
    for name, body in [
        ("nothing", b""), ("no JSON", b"{"), ("an array", b"[]"), ("raw control character", b'{"model":"embedded","input":"a\x01b"}'),
        ("invalid UTF-8", b'{"model":"embedded","input":"\xff"}'), ("lone surrogate", b'{"model":"embedded","input":"\\ud800"}'),
        ("depth", b"[" * 200000), ("depth, closed", b'{"input":' + b"[" * 5000 + b"]" * 5000 + b"}"), ("huge number", b'{"model":"embedded","input":1e999}'),
        ("UTF-16", good.decode().encode("utf-16")),
    ]:
        report.refused(f"body of {name}", server.post(body), 400)
    for name, fields, code in [
        ("no input", {}, "missing_parameter"), ("no text", {"input": []}, "invalid_value"), ("blank", {"input": " \n"}, "invalid_value"),
        ("one blank of two", {"input": ["a", ""]}, "invalid_value"), ("token ids", {"input": [1, 2]}, "invalid_type"),
        ("rows of token ids", {"input": [[1, 2]]}, "invalid_type"), ("an object", {"input": {"a": 1}}, "invalid_type"),
        ("2,049 texts", {"input": ["a"] * 2049}, "too_many_texts"), ("unknown field", {"input": "a", "x": 1}, "unknown_parameter"),
        ("format", {"input": "a", "encoding_format": "hex"}, "invalid_value"), ("dimensions", {"input": "a", "dimensions": 7}, "unsupported_value"),
        ("dimensions of another type", {"input": "a", "dimensions": "x"}, "unsupported_value"), ("user", {"input": "a", "user": 1}, "invalid_type"),
        ("input type", {"input": "a", "input_type": "x"}, "invalid_value"), ("model of another type", {"input": "a", "model": 1}, "invalid_type"),
    ]:
        body = json.dumps({"model": "embedded", **fields}).encode()
        report.refused(f"embeddings with {name}", server.post(body), 400, code)
    report.refused("no model", server.post(b'{"input":"a"}'), 400, "missing_parameter")
    report.refused("wrong model", server.post(b'{"input":"a","model":"x"}'), 404, "model_not_found")


def framing(server, report):
    head = server.post_head
    for name, data in [
        ("garbage", b"hello\r\n\r\n"), ("nulls", b"\0" * 64 + b"\r\n\r\n"), ("TLS", bytes.fromhex("1603010200010001fc0303") + b"\0" * 200),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ("unknown method", server.request(b"/health", b"BREW")),
        ("two lengths", head(b"Content-Length: 4\r\nContent-Length: 5\r\n") + b"abcde"),
        ("length and chunks", head(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n" + server.request(b"/health")),
        ("negative length", head(b"Content-Length: -4\r\n") + b"abcd"), ("length of letters", head(b"Content-Length: x\r\n")),
        ("length beyond 64 bits", head(b"Content-Length: 99999999999999999999999\r\n")),
        ("broken chunk", head(b"Transfer-Encoding: chunked\r\n") + b"zz\r\n"),
        ("header without a colon", b"GET /health HTTP/1.1\r\n" + server.host + b"nonsense\r\n\r\n"),
    ]:
        answer = server.send(data, timeout=5)
        report.refused(f"framing: {name}", answer, {400, 413}, may_close=True)
        report.check(f"framing: {name}: closed", answer.is_closed, "the connection stays open")
    many = b"".join(b"X-%d: a\r\n" % i for i in range(5000))
    for name, data in [
        ("one line of 1 MB", b"GET /health HTTP/1.1\r\n" + server.host + b"X: " + b"a" * 1_000_000 + b"\r\n\r\n"),
        ("5,000 lines", b"GET /health HTTP/1.1\r\n" + server.host + many + b"\r\n"),
        ("path of 1 MB", b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n" + server.host + b"\r\n"),
    ]:
        report.refused(f"header bomb: {name}", server.send(data), 431, "header_too_large", may_close=True)

    # An HTTP/1.0 client waits for the end of the connection.
    answer = server.send(b"GET /health HTTP/1.0\r\n" + server.host + b"\r\n", timeout=3)
    report.check("HTTP/1.0", answer.status == 200 and answer.is_closed, f"got {answer}; closed: {answer.is_closed}")
    # RFC 9110, 10.1.1: a client that expects 100 sends no body before it.
    with server.connect() as connection:
        connection.sendall(head(b"Expect: 100-continue\r\nContent-Length: 38\r\nConnection: close\r\n"))
        answer = read(connection, 2, lambda data: b"\r\n\r\n" in data)
        report.check("Expect: 100-continue", answer.status is not None, "no answer within 2 seconds; curl waits one for bodies over 1 MB")


def methods(server, report, index):
    search = b"/search?q=light&index=" + index
    for path in [b"/health", b"/metrics", b"/indexes", b"/v1/models", b"/", search]:
        answer = server.get(path, b"HEAD")
        report.check(f"HEAD {path[:10].decode()}", answer.status == 200 and not answer.body, f"got {answer}")
    for path, method in [(b"/nothing", b"HEAD"), (b"/v1/embeddings", b"HEAD"), (search + b"&q=b", b"HEAD")]:
        answer = server.get(path, method)
        report.check(f"HEAD {path[:15].decode()}: no body", answer.status in {400, 404, 405} and not answer.body,
                     f"a body follows, which the client takes for the next response; got {answer}")
    for method in [b"OPTIONS", b"PUT", b"DELETE", b"PATCH", b"POST", b"TRACE", b"PROPFIND"]:
        answer = server.get(b"/health", method)
        report.refused(f"{method.decode()} /health", answer, {405, 501})
        if answer.status == 405:
            report.check(f"{method.decode()} /health: Allow", "GET" in answer.headers.get("allow", ""), answer.headers)
    answer = server.get(b"/v1/embeddings")
    report.refused("GET /v1/embeddings", answer, 405, "method_not_allowed")
    report.check("GET /v1/embeddings: Allow", answer.headers.get("allow") == "POST", answer.headers)


def hosts(server, report):
    port = server.address[1]
    for host in [b"localhost", b"127.0.0.1", b"[::1]", b"LOCALHOST:%d" % port]:
        report.accepted(f"host {host.decode()}", server.get(b"/health", host=b"Host: " + host + b"\r\n"))
    for host in [b"evil.example", b"evil.example:%d" % port, b"localhost.evil.example", b"127.evil.example", b"127.0.0.1.evil.example",
                 b"[::1].evil.example", b"[evil.example]", b"0.0.0.0", b"evil.example\\@localhost", b"xn--localhost"]:
        report.refused(f"host {host.decode()}", server.get(b"/indexes", host=b"Host: " + host + b"\r\n"), {400, 421})
    # RFC 9112, 3.2: none, and more than one, are 400.
    report.refused("no host", server.get(b"/indexes", host=b""), {400, 421})
    report.refused("two hosts", server.get(b"/indexes", host=server.host + b"Host: evil.example\r\n"), {400, 421})
    report.refused("two hosts, foreign one first", server.get(b"/indexes", host=b"Host: evil.example\r\n" + server.host), {400, 421})
    answer = server.send(b"GET /indexes HTTP/1.1\r\n" + server.host + b"Origin: https://evil.example\r\nConnection: close\r\n\r\n")
    report.check("foreign origin", "access-control-allow-origin" not in answer.headers, answer.headers)


def connections(server, report):
    with server.connect() as connection:
        statuses = []
        for target in [b"/health", b"/nothing", b"/v1/models", b"/health"] * 25:
            connection.sendall(server.request(target, close=False))
            statuses.append(read(connection, 5, is_complete).status)
        report.check("100 requests on one connection", statuses == [200, 404, 200, 200] * 25, statuses[:8])
    pipeline = b"".join(server.request(b"/health" if i % 2 == 0 else b"/nothing", close=False) for i in range(49))
    answer = server.send(pipeline + server.request(b"/v1/models"))
    found = [line.split(b" ")[1] for line in answer.data.split(b"\r\n") if b"HTTP/1.1 " in line for line in [line[line.index(b"HTTP/1.1 "):]]]
    expected = [b"200" if i % 2 == 0 else b"404" for i in range(49)] + [b"200"]
    report.check("50 pipelined requests, in order", found == expected, f"{len(found)}: {found[:6]}")
    # Clients that go away before the answer.
    for _ in range(100):
        with server.connect() as connection:
            connection.sendall(server.request(b"/search?q=light"))
    report.accepted("after 100 clients that left", server.get(b"/health"))


def large(server, report):
    piece = b"a" * (1 << 16)
    for name, headers, piece, count in [
        ("100 MB body", b"Content-Length: 104857600\r\n", piece, 1600),
        ("endless chunked body", b"Transfer-Encoding: chunked\r\n", b"10000\r\n" + piece + b"\r\n", 1 << 20),
        ("endless body of tiny chunks", b"Transfer-Encoding: chunked\r\n", b"1\r\na\r\n" * 4096, 1 << 20),
    ]:
        with server.connect(20) as connection:
            sent = 0
            started = time.monotonic()
            connection.settimeout(20)
            try:
                connection.sendall(server.post_head(headers))
                for _ in range(count):
                    if time.monotonic() - started > 60:
                        break
                    connection.sendall(piece)
                    sent += len(piece)
            except OSError:
                pass
            answer = read(connection, 20)
        report.refused(f"{name} ({sent >> 20} MiB were taken)", answer, 413, "body_too_large", may_close=True)
        # A body of known length may be read to its end and dropped: a client that sends before it reads gets the answer.
        is_over = sent >= 100 << 20 if b"Length" in headers else answer.is_closed and sent < 80 << 20
        report.check(f"{name}: ended", answer.is_closed or is_over, f"{sent} bytes sent, closed: {answer.is_closed}")
    text = b'{"model":"embedded","input":["' + b"word " * ((BODY_LIMIT - 100) // 5) + b'"]}'
    answer = server.send(server.post_head(b"Content-Length: %d\r\nConnection: close\r\n" % len(text)) + text, timeout=60)
    report.accepted("one text of 8 MiB", answer)


def slow(server, report, fast):
    """200 clients that send a header line each second leave others unharmed; a body that trickles ends after 30 seconds."""
    lines = []
    for _ in range(200):
        connection = server.connect()
        connection.sendall(b"GET /health HTTP/1.1\r\n" + server.host)
        lines.append(connection)
    body = server.connect()
    body.sendall(server.post_head(b"Content-Length: 1000\r\n"))
    started = time.monotonic()
    answered = Answer(b"", False)
    slowest = 0
    while time.monotonic() - started < (5 if fast else 45):
        for connection in lines:
            try:
                connection.sendall(b"X-A: b\r\n")
            except OSError:
                pass
        if not answered.data:
            try:
                body.sendall(b" ")
            except OSError:
                pass
            answered = read(body, 0.05)
        asked = time.monotonic()
        answer = server.get(b"/health")
        slowest = max(slowest, time.monotonic() - asked)
        if answer.status != 200:
            break
        if answered.data:
            break
        time.sleep(1)
    report.check("others are answered beside 200 slow clients", answer.status == 200 and slowest < 1, f"{answer}; slowest {slowest:.2f} s")
    if not fast:
        waited = time.monotonic() - started
        report.refused(f"slow body (after {waited:.0f} s)", answered, 408, "request_timeout")
        report.check("slow body: 30 s", waited < 40, f"{waited:.0f} s")
    for connection in lines + [body]:
        connection.close()


def together(server, report):
    """64 clients send wrong requests at once."""
    targets = [b"/nothing", b"/search?q=%ff", b"/articles/0", b"/health", b"/search?q=a&x=1"]
    expected = [404, 400, 400, 200, 400]
    wrong = []

    def client(number):
        for i in range(20):
            which = (number + i) % len(targets)
            status = server.get(targets[which]).status
            if status != expected[which]:
                wrong.append((targets[which], status))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report.check("64 clients with wrong requests", not wrong, wrong[:3])


# MARK: The process


def memory(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    return 0


def open_files(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def hostile(server, report, arguments, index):
    steps = [
        lambda: paths(server, report), lambda: parameters(server, report, index), lambda: bodies(server, report),
        lambda: framing(server, report), lambda: methods(server, report, index), lambda: hosts(server, report),
        lambda: connections(server, report), lambda: large(server, report), lambda: together(server, report),
        lambda: slow(server, report, arguments.fast),
    ]
    before = files = 0
    if arguments.pid:
        # What an idle server has once everything has been used: caches, threads' buffers, the largest body with its tokens.
        parameters(server, Silent(), index)
        large(server, Silent())
        before, files = memory(arguments.pid), open_files(arguments.pid)
    for step in steps:
        step()
    if arguments.pid:
        time.sleep(2)
        after = memory(arguments.pid)
        report.check("memory", after - before <= MEMORY_GROWTH, f"{before >> 20} MiB before, {after >> 20} MiB after")
        print(f"memory: {before >> 20} MiB before, {after >> 20} MiB after")
        left = open_files(arguments.pid)
        report.check("open files", left <= files + 4, f"{files} before, {left} after")
    report.accepted("/health at the end", server.get(b"/health"))


class Silent(Report):
    def check(self, name, condition, detail=""):
        pass


# MARK: Generated requests


def generated(url, report, arguments, index):
    beside = Path(sys.executable).parent / "schemathesis"
    command = str(beside) if beside.exists() else shutil.which("schemathesis")
    if not command:
        print("skipped: schemathesis is not installed")
        return
    schema = str(Path(arguments.schema).resolve()) if arguments.schema else url + "/openapi.json"
    with tempfile.TemporaryDirectory() as directory:
        settings = Path(directory) / "schemathesis.toml"
        settings.write_text(SCHEMA_SETTINGS.replace("{index}", index))
        result = subprocess.run(
            [command, "--config-file", str(settings), "run", schema, "--url", url, "--checks", "all", "--max-examples",
             str(arguments.examples), "--seed", "1", "--no-color", "--output-sanitize", "true"],
            cwd=directory, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = [line[:300] for line in result.stdout.splitlines()]
    report.check("schemathesis", result.returncode == 0, "\n" + "\n".join(lines))
    if result.returncode == 0:
        print("schemathesis: " + next((line.strip() for line in lines if "generated" in line), "passed"))


def main():
    arguments = parse()
    url = arguments.url.rstrip("/")
    server = Server(url)
    answer = server.get(b"/indexes")
    if answer.status != 200:
        sys.exit(f"error: {url} does not answer as Kindred: {answer}")
    names = [entry["name"] for entry in json.loads(answer.body)["indexes"]]
    index = arguments.index or (names[0] if names else "")
    if not index:
        sys.exit("error: the server has no index; make one and ask again")
    report = Report()
    if arguments.only != "schema":
        hostile(server, report, arguments, index.encode())
    if arguments.only != "hostile":
        generated(url, report, arguments, index)
    print(f"{report.passed} passed, {len(report.failed)} failed")
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
