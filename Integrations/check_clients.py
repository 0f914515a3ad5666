#!/usr/bin/env python3
"""Runs unchanged clients against a running `kindred serve`: curl, OpenAI's Python client, LangChain, LlamaIndex; and the Python
client of the Model Context Protocol against `kindred mcp`. A client that is not installed is skipped with a line.

Usage: check_clients.py http://127.0.0.1:7700 [--kindred .build/release/kindred] [--indexes indexes]
With --kindred, a second server with a token is started for the authentication checks, and `kindred mcp` for the protocol's.
Exit code 1 if anything fails.
"""

import argparse
import asyncio
import base64
import importlib.util
import json
import math
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

TEXTS = ["What keeps a bridge from swaying?", "Dampers take up the motion of the deck.", "日本語の文", "e\u0301 and \u00e9", "a\tb\nc"]
passed = 0
failed = []


def check(name, condition, detail=""):
    global passed
    if condition:
        passed += 1
    else:
        failed.append(name)
        print(f"FAILED {name}: {detail}", flush=True)


def raises(name, kind, call, **fields):
    """The exception's class and its fields, such as param and code."""
    try:
        call()
    except kind as error:
        found = {field: getattr(error, field, None) for field in fields}
        check(name, found == fields, f"{found}")
    except Exception as error:
        check(name, False, f"{type(error).__name__}: {error}")
    else:
        check(name, False, "no error")


def has(module):
    found = importlib.util.find_spec(module.split(".")[0]) is not None
    try:
        found = found and importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        print(f"skipped: {module} is not installed")
    return found


def are_same(a, b):
    return len(a) == len(b) and all(math.isclose(x, y, abs_tol=1e-5) for x, y in zip(a, b))


def is_unit(vector):
    return math.isclose(sum(x * x for x in vector), 1, abs_tol=1e-3)


# MARK: curl


def curl(url):
    if not shutil.which("curl"):
        return print("skipped: curl is not installed")
    def ask(path, *options):
        run = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", url + path, *options], capture_output=True, text=True, timeout=120)
        body, _, status = run.stdout.rpartition("\n")
        return int(status or 0), body

    def post(fields, *options):
        return ask("/v1/embeddings", "-H", "Content-Type: application/json", "--data-binary", json.dumps(fields), *options)

    status, body = post({"model": "embedded", "input": TEXTS})
    rows = json.loads(body)["data"]
    check("curl: vectors", status == 200 and [row["index"] for row in rows] == list(range(len(TEXTS))), body[:200])
    check("curl: unit length", all(is_unit(row["embedding"]) for row in rows))
    status, body = post({"model": "embedded", "input": TEXTS, "encoding_format": "base64"})
    for row, other in zip(rows, json.loads(body)["data"]):
        vector = struct.unpack(f"<{len(row['embedding'])}f", base64.b64decode(other["embedding"]))
        check("curl: base64", are_same(vector, row["embedding"]))
    query = json.loads(post({"model": "embedded", "input": TEXTS[0], "input_type": "query"})[1])["data"][0]["embedding"]
    check("curl: a query's vector", is_unit(query))
    status, body = post({"model": "x", "input": "a"})
    check("curl: wrong model", status == 404 and json.loads(body)["error"]["code"] == "model_not_found", body)
    # curl asks with Expect: 100-continue before a body over 1 MB, and waits a second if nobody answers.
    large = json.dumps({"model": "embedded", "input": ["light " * 350] * 1000})
    started = time.monotonic()
    run = subprocess.run(
        ["curl", "-sS", "-o", os.devnull, "-w", "%{http_code}", url + "/v1/embeddings", "--data-binary", "@-"], input=large[:1 << 21],
        capture_output=True, text=True, timeout=120)
    waited = time.monotonic() - started
    check("curl: body of 2 MB, cut", run.stdout == "400" and waited < 0.9, f"{run.stdout} after {waited:.2f} s")
    status, body = ask("/search?q=light&k=3&index=" + index_name(url))
    check("curl: search", status == 200 and len(json.loads(body)["hits"]) <= 3, body[:200])
    run = subprocess.run(["curl", "-sSI", url + "/health", url + "/health"], capture_output=True, text=True, timeout=20)
    check("curl: HEAD", run.stdout.count("200 OK") == 2, run.stdout + run.stderr)
    run = subprocess.run(["curl", "-sSI", url + "/nothing", url + "/health"], capture_output=True, text=True, timeout=20)
    check("curl: HEAD of no path, then another", run.stdout.count("HTTP/1.1") == 2 and not run.stderr, run.stdout + run.stderr)
    run = subprocess.run(["curl", "-sS", "--http1.0", "--max-time", "5", url + "/health"], capture_output=True, text=True)
    check("curl: HTTP/1.0", run.returncode == 0 and "ok" in run.stdout, run.stderr)


def index_name(url):
    with urllib.request.urlopen(url + "/indexes", timeout=20) as response:
        return json.load(response)["indexes"][0]["name"]


# MARK: OpenAI


def openai_client(url):
    if not has("openai"):
        return
    import openai

    client = openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0)
    models = [model.id for model in client.models.list()]
    check("openai: models", models and "embedded" in models, models)
    check("openai: a model", client.models.retrieve("embedded").id == "embedded")
    # The client asks for base64 by itself and unpacks it.
    standard = client.embeddings.create(model="embedded", input=TEXTS)
    floats = client.embeddings.create(model="embedded", input=TEXTS, encoding_format="float")
    check("openai: list", [row.index for row in standard.data] == list(range(len(TEXTS))))
    check("openai: base64 and float agree", all(are_same(a.embedding, b.embedding) for a, b in zip(standard.data, floats.data)))
    check("openai: unit length", all(is_unit(row.embedding) for row in standard.data))
    one = client.embeddings.create(model="embedded", input=TEXTS[0])
    check("openai: one text", len(one.data) == 1 and are_same(one.data[0].embedding, standard.data[0].embedding))
    check("openai: usage", standard.usage.prompt_tokens == standard.usage.total_tokens > 0, standard.usage)
    size = len(one.data[0].embedding)
    check("openai: its own dimensions", len(client.embeddings.create(model="embedded", input="a", dimensions=size).data[0].embedding) == size)
    query = client.embeddings.create(model="embedded", input=TEXTS[0], extra_body={"input_type": "query"})
    check("openai: input_type", len(query.data[0].embedding) == size)
    many = client.embeddings.create(model="embedded", input=["light"] * 2048)
    check("openai: 2,048 texts", len(many.data) == 2048 and are_same(many.data[0].embedding, many.data[2047].embedding))
    check("openai: raw response", client.embeddings.with_raw_response.create(model="embedded", input="a").status_code == 200)

    def create(**fields):
        return lambda: client.embeddings.create(**{"model": "embedded", "input": "a", **fields})

    raises("openai: wrong model", openai.NotFoundError, create(model="text-embedding-3-small"), code="model_not_found", param="model")
    raises("openai: no such model", openai.NotFoundError, lambda: client.models.retrieve("x"), code="model_not_found")
    raises("openai: dimensions", openai.BadRequestError, create(dimensions=7), param="dimensions", code="unsupported_value")
    raises("openai: blank text", openai.BadRequestError, create(input=" "), param="input")
    raises("openai: no texts", openai.BadRequestError, create(input=[]), param="input")
    raises("openai: token ids", openai.BadRequestError, create(input=[1, 2]), param="input", code="invalid_type", type="invalid_request_error")
    raises("openai: 2,049 texts", openai.BadRequestError, create(input=["a"] * 2049), param="input", code="too_many_texts")
    raises("openai: no chat", openai.NotFoundError, lambda: client.chat.completions.create(model="embedded", messages=[]), code="unknown_path")
    try:
        create(input="a" * (9 << 20))()
        check("openai: body of 9 MiB", False, "no error")
    except openai.APIStatusError as error:
        check("openai: body of 9 MiB", error.status_code == 413 and error.code == "body_too_large", error)
    except openai.APIConnectionError as error:
        check("openai: body of 9 MiB", False, f"the connection ends before the answer is read: {error.__cause__!r}")

    async def together():
        async with openai.AsyncOpenAI(base_url=url + "/v1", api_key="none") as client:
            answers = await asyncio.gather(*[client.embeddings.create(model="embedded", input=f"text {i}") for i in range(64)])
            return [answer.data[0].embedding for answer in answers]

    found = asyncio.run(together())
    check("openai: 64 requests at once", are_same(found[7], client.embeddings.create(model="embedded", input="text 7").data[0].embedding))


def openai_token(url, token):
    """A server that asks for a token."""
    if not has("openai"):
        return
    import openai

    def client(key):
        return openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)

    check("openai: token", len(client(token).embeddings.create(model="embedded", input="a").data) == 1)
    for key in ["none", token[:-1], token + "x", token.upper()]:
        raises("openai: wrong token", openai.AuthenticationError, lambda: client(key).embeddings.create(model="embedded", input="a"),
               code="invalid_api_key", type="authentication_error")
    for path in ["/search?q=a", "/indexes", "/articles/1", "/v1/models", "/metrics", "/nothing"]:
        try:
            urllib.request.urlopen(url + path, timeout=20)
            check(f"token: {path}", False, "answered without a token")
        except urllib.error.HTTPError as error:
            check(f"token: {path}", error.code == 401 and error.headers["WWW-Authenticate"] == "Bearer", error.code)
    with urllib.request.urlopen(url + "/health", timeout=20) as response:
        check("token: /health is open", response.status == 200)


# MARK: LangChain, LlamaIndex


def langchain(url):
    if not has("langchain_openai"):
        return
    import openai
    from langchain_openai import OpenAIEmbeddings

    # Without check_embedding_ctx_length=False, LangChain sends token ids of OpenAI's vocabulary.
    model = OpenAIEmbeddings(model="embedded", base_url=url + "/v1", api_key="none", check_embedding_ctx_length=False)
    vectors = model.embed_documents(TEXTS)
    check("langchain: documents", len(vectors) == len(TEXTS) and all(is_unit(vector) for vector in vectors))
    check("langchain: query", are_same(model.embed_query(TEXTS[0]), vectors[0]))
    check("langchain: asynchronous", are_same(asyncio.run(model.aembed_query(TEXTS[0])), vectors[0]))
    check("langchain: 3,000 documents", len(model.embed_documents(["light"] * 3000)) == 3000)
    query = OpenAIEmbeddings(model="embedded", base_url=url + "/v1", api_key="none", check_embedding_ctx_length=False,
                             model_kwargs={"extra_body": {"input_type": "query"}})
    check("langchain: input_type", is_unit(query.embed_query(TEXTS[0])))
    wrong = OpenAIEmbeddings(model="x", base_url=url + "/v1", api_key="none", check_embedding_ctx_length=False)
    raises("langchain: wrong model", openai.NotFoundError, lambda: wrong.embed_query("a"))
    try:
        from langchain_core.vectorstores import InMemoryVectorStore

        store = InMemoryVectorStore.from_texts(TEXTS[:2] + ["Bread rises by yeast."], model)
        found = store.similarity_search("what makes dough rise", k=1)
        check("langchain: vector store", found[0].page_content == "Bread rises by yeast.", found)
    except ImportError:
        print("skipped: langchain_core has no InMemoryVectorStore")


def llama_index(url):
    if not has("llama_index.embeddings.openai_like"):
        return
    from llama_index.embeddings.openai_like import OpenAILikeEmbedding

    model = OpenAILikeEmbedding(model_name="embedded", api_base=url + "/v1", api_key="none", embed_batch_size=100)
    vectors = model.get_text_embedding_batch(TEXTS * 30)
    check("llama_index: texts", len(vectors) == 150 and all(is_unit(vector) for vector in vectors))
    check("llama_index: query", are_same(model.get_query_embedding(TEXTS[0]), vectors[0]))


# MARK: The Model Context Protocol


def model_context(kindred, indexes):
    if not has("mcp"):
        return
    from mcp import ClientSession, StdioServerParameters, stdio_client

    parameters = StdioServerParameters(command=kindred, args=["mcp", "--indexes", indexes])

    def text(result):
        return result.content[0].text

    def is_error(result):
        return getattr(result, "is_error", getattr(result, "isError", None))

    async def session():
        async with stdio_client(parameters) as (incoming, outgoing), ClientSession(incoming, outgoing) as client:
            started = await client.initialize()
            information = getattr(started, "server_info", None) or started.serverInfo
            check("mcp: initialize", information.name == "kindred" and information.version, started)
            version = getattr(started, "protocol_version", None) or started.protocolVersion
            print(f"mcp: protocol version {version}")
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            check("mcp: tools", set(tools) == {"search", "read"}, list(tools))
            for tool in tools.values():
                schema = getattr(tool, "input_schema", None) or tool.inputSchema
                check(f"mcp: schema of {tool.name}", schema["type"] == "object" and set(schema["required"]) <= set(schema["properties"]), schema)
            names = sorted(name for name in os.listdir(indexes) if os.path.isdir(os.path.join(indexes, name)))
            name = {"index": names[0]}
            found = await client.call_tool("search", {"query": "light", "limit": 3, **name})
            check("mcp: search", not is_error(found), text(found))
            passages = json.loads(text(found))["passages"]
            check("mcp: passages", 0 < len(passages) <= 3, text(found)[:200])
            article = passages[0]["article_id"]
            read = await client.call_tool("read", {"article_id": article, **name})
            check("mcp: read", not is_error(read) and passages[0]["title"] in text(read), text(read)[:200])
            keyword = await client.call_tool("search", {"query": "light", "mode": "keyword", **name})
            check("mcp: keyword", not is_error(keyword), text(keyword)[:200])
            for label, tool, arguments in [
                ("unknown index", "search", {"query": "a", "index": "nothing-of-this-name"}), ("no query", "search", {**name}),
                ("blank query", "search", {"query": " ", **name}), ("limit", "search", {"query": "a", "limit": 0, **name}),
                ("mode", "search", {"query": "a", "mode": "x", **name}), ("filter", "search", {"query": "a", "where": "'", **name}),
                ("unknown argument", "search", {"query": "a", "x": 1, **name}), ("unknown article", "read", {"article_id": 99999999, **name}),
                ("path as an index", "read", {"article_id": 1, "index": "../x"}), ("offset", "read", {"article_id": article, "offset": 10**9, **name}),
                ("article of another type", "read", {"article_id": "x", **name}),
            ]:
                result = await client.call_tool(tool, arguments)
                check(f"mcp: {label}", is_error(result) and text(result), result)
            try:
                result = await client.call_tool("delete", {})
                check("mcp: unknown tool", is_error(result), result)
            except Exception as error:
                check("mcp: unknown tool", "tool" in str(error), error)
            many = await asyncio.gather(*[client.call_tool("search", {"query": f"light {i}", **name}) for i in range(10)])
            check("mcp: ten calls at once", not any(is_error(result) for result in many))
            await client.send_ping()

    asyncio.run(asyncio.wait_for(session(), 120))
    try:
        from mcp import Client
    except ImportError:
        return

    async def negotiated():
        # Tries the newest version of the protocol first and goes back to the server's.
        async with Client(stdio_client(parameters)) as client:
            tools = (await client.list_tools()).tools
            check("mcp: client that negotiates", {tool.name for tool in tools} == {"search", "read"}, tools)

    try:
        asyncio.run(asyncio.wait_for(negotiated(), 60))
    except Exception as error:
        check("mcp: client that negotiates", False, f"{type(error).__name__}: {error}")


def protocol_lines(kindred, indexes):
    """Lines that no client sends."""
    lines = [
        b"nonsense", b"[]", b"{}", b'{"jsonrpc":"2.0","id":1,"method":"nothing"}', b'{"jsonrpc":"2.0","id":"a","method":"ping"}',
        b'{"jsonrpc":"2.0","method":"notifications/initialized"}', b'{"jsonrpc":"2.0","id":2,"method":"tools/call"}',
        b'{"jsonrpc":"2.0","id":3,"method":"tools/call","params":[]}', b'{"jsonrpc":"1.0","id":4,"method":"ping"}', b"\xff\xfe", b"",
        b'{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"search","arguments":{"query":"' + b"a" * 2_000_000 + b'"}}}',
        b"[" * 100_000, b'{"jsonrpc":"2.0","id":6,"method":"ping"}',
    ]
    run = subprocess.run([kindred, "mcp", "--indexes", indexes], input=b"\n".join(lines) + b"\n", capture_output=True, timeout=120)
    answers = []
    try:
        answers = [json.loads(line) for line in run.stdout.splitlines()]
    except ValueError as error:
        check("mcp: lines are JSON", False, error)
    codes = [answer.get("error", {}).get("code") for answer in answers]
    check("mcp: exit code at the end of input", run.returncode == 0, f"{run.returncode} {run.stderr[-200:]!r}")
    check("mcp: an answer each, none to a notification", len(answers) == 12, f"{len(answers)}: {codes}")
    check("mcp: not JSON", codes[:1] == [-32700], codes)
    check("mcp: unknown method", -32601 in codes, codes)
    check("mcp: wrong messages leave the server alive", answers and answers[-1].get("id") == 6 and "result" in answers[-1], codes)


# MARK: A server with a token


def token_server(kindred, indexes):
    token = base64.b16encode(os.urandom(16)).decode().lower()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([kindred, "serve", "--indexes", indexes, "--port", str(port)], env={**os.environ, "KINDRED_TOKEN": token},
                               stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(100):
            try:
                urllib.request.urlopen(url + "/health", timeout=5)
                break
            except OSError:
                time.sleep(0.1)
        openai_token(url, token)
    finally:
        process.terminate()
        check("serve: ends by SIGTERM", process.wait(30) is not None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--kindred", help="the program, for a server with a token and for kindred mcp")
    parser.add_argument("--indexes", default=os.environ.get("KINDRED_INDEXES", "indexes"))
    arguments = parser.parse_args()
    url = arguments.url.rstrip("/")
    parts = [lambda: curl(url), lambda: openai_client(url), lambda: langchain(url), lambda: llama_index(url)]
    if arguments.kindred:
        kindred = os.path.abspath(arguments.kindred)
        parts += [lambda: token_server(kindred, arguments.indexes), lambda: model_context(kindred, arguments.indexes),
                  lambda: protocol_lines(kindred, arguments.indexes)]
    else:
        print("skipped: a server with a token, kindred mcp; name the program with --kindred")
    for part in parts:
        try:
            part()
        except Exception as error:
            check("an unexpected error", False, f"{type(error).__name__}: {error}")
    print(f"{passed} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
