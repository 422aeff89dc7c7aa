"""Brasa through redis-py and valkey-py, over RESP2 and RESP3.

    BRASA_BIN=target/ci/brasa python smoke.py redis|valkey

Starts the binary on a free port (or one of TESTKIT_PORTS, as 21400-21599) and kills it at the end. A binary whose
name ends in `-server` is started without the word `node`: with a real valkey-server the checks themselves can be
checked. Ends with code 1 if anything failed.
"""

import importlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

LIBRARY = sys.argv[1] if len(sys.argv) > 1 else "redis"
library = importlib.import_module(LIBRARY)
Client = library.Redis if LIBRARY == "redis" else library.Valkey

CHECKS = []


def check(function):
    """Registers a check; each gets an empty database and a client that decodes replies."""
    CHECKS.append(function)
    return function


def equal(found, expected):
    assert found == expected, f"expected {expected!r}, got {found!r}"


def refused(error, text, call, *args, **kwargs):
    """The call raises `error`, and its message contains `text`."""
    try:
        reply = call(*args, **kwargs)
    except error as raised:
        assert text in str(raised), f"expected an error with {text!r}, got {raised!r}"
        return
    raise AssertionError(f"expected {error.__name__} with {text!r}, got the reply {reply!r}")


@check
def strings(client, connect):
    equal(client.set("greeting", "olá, 世界"), True)
    equal(client.get("greeting"), "olá, 世界")
    equal(client.strlen("greeting"), len("olá, 世界".encode()))
    equal(client.get("missing"), None)
    equal(client.set("greeting", "x", nx=True), None)
    equal(client.set("other", "x", xx=True), None)
    equal(client.set("greeting", "new", get=True), "olá, 世界")
    equal(client.append("greeting", "er"), 5)
    equal(client.getrange("greeting", 1, -2), "ewe")
    equal(client.setrange("greeting", 6, "!"), 7)
    equal(connect(decode_responses=False).get("greeting"), b"newer\x00!")
    equal(client.mset({"a": 1, "b": 2}), True)
    equal(client.mget("a", "missing", "b"), ["1", None, "2"])
    equal(client.msetnx({"a": 3, "c": 3}), False)
    equal(client.exists("a", "b", "c", "a"), 3)
    equal(client.getdel("a"), "1")
    equal(client.delete("a", "b"), 1)
    equal(client.type("greeting"), "string")
    equal(client.type("missing"), "none")
    equal(client.object("encoding", "b"), None)
    client.set("number", 12)
    equal(client.object("encoding", "number"), "int")


@check
def bytes_of_any_kind(client, connect):
    raw = connect(decode_responses=False)
    everything = bytes(range(256)) * 3
    raw.set(everything, everything[::-1])
    equal(raw.get(everything), everything[::-1])
    equal(list(raw.scan_iter()), [everything])
    large = random.Random(7).randbytes(3_000_000)
    raw.set("large", large)
    equal(raw.get("large"), large)
    equal(raw.getrange("large", 1_000_000, 1_000_009), large[1_000_000:1_000_010])


@check
def lifetimes(client, connect):
    client.set("k", "v", ex=100)
    assert 98 <= client.ttl("k") <= 100
    assert 98_000 <= client.pttl("k") <= 100_000
    equal(client.persist("k"), True)
    equal(client.ttl("k"), -1)
    equal(client.ttl("missing"), -2)
    equal(client.expire("k", 50, gt=True), False)
    equal(client.expire("k", 50, lt=True), True)
    in_an_hour = int(time.time()) + 3600
    equal(client.expireat("k", in_an_hour), True)
    equal(client.expiretime("k"), in_an_hour)
    equal(client.set("k", "w", keepttl=True), True)
    equal(client.expiretime("k"), in_an_hour)
    equal(client.getex("k", persist=True), "w")
    equal(client.ttl("k"), -1)
    client.set("short", "v", px=30)
    equal(client.get("short"), "v")
    time.sleep(0.06)
    equal(client.get("short"), None)
    equal(client.exists("short"), 0)
    refused(library.ResponseError, "invalid expire time in 'set' command", client.set, "k", "v", ex=0)


@check
def counters(client, connect):
    equal(client.incr("n"), 1)
    equal(client.incrby("n", 41), 42)
    equal(client.decrby("n", 50), -8)
    equal(client.decr("n"), -9)
    equal(client.incrbyfloat("f", 0.1), 0.1)
    equal(client.incrbyfloat("f", 0.2), 0.3)
    client.set("n", 2**63 - 1)
    refused(library.ResponseError, "increment or decrement would overflow", client.incr, "n")
    client.set("text", "abc")
    refused(library.ResponseError, "value is not an integer or out of range", client.incr, "text")

    def count():
        own = connect()
        for _ in range(200):
            own.incr("shared")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(client.get("shared"), "800")


@check
def pipelines(client, connect):
    pipe = client.pipeline(transaction=False)
    for i in range(1000):
        pipe.set(f"key:{i}", i)
        pipe.get(f"key:{i}")
    replies = pipe.execute()
    equal(replies[0::2], [True] * 1000)
    equal(replies[1::2], [str(i) for i in range(1000)])
    pipe = client.pipeline(transaction=False)
    pipe.set("a", "text").incr("a").get("a")
    first, second, third = pipe.execute(raise_on_error=False)
    equal((first, third), (True, "text"))
    assert isinstance(second, library.ResponseError), second


@check
def transactions(client, connect):
    pipe = client.pipeline()
    equal(pipe.set("a", 1).incr("a").get("a").execute(), [True, 2, "2"])

    with client.pipeline() as pipe:
        pipe.watch("a")
        before = int(pipe.get("a"))
        pipe.multi()
        pipe.set("a", before * 10)
        equal(pipe.execute(), [True])
    equal(client.get("a"), "20")

    with client.pipeline() as pipe:
        pipe.watch("a", "not-there-yet")
        client.set("not-there-yet", 1)
        pipe.multi()
        pipe.set("a", "never")
        refused(library.WatchError, "", pipe.execute)
    equal(client.get("a"), "20")

    with client.pipeline() as pipe:
        pipe.watch("a")
        client.set("a", 21)
        pipe.unwatch()
        pipe.multi()
        pipe.incr("a")
        equal(pipe.execute(), [22])

    pipe = client.pipeline()
    pipe.set("a", "text").incr("a").set("b", "done")
    replies = pipe.execute(raise_on_error=False)
    equal((replies[0], replies[2]), (True, True))
    assert isinstance(replies[1], library.ResponseError), replies
    equal(client.get("b"), "done")

    def transfer(pipe):
        balance = int(pipe.get("balance") or 0)
        pipe.multi()
        pipe.set("balance", balance + 1)

    def run():
        own = connect()
        for _ in range(25):
            own.transaction(transfer, "balance")

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(client.get("balance"), "100")


@check
def bitmaps(client, connect):
    equal(client.setbit("bits", 7, 1), 0)
    equal(client.setbit("bits", 7, 1), 1)
    equal(client.getbit("bits", 7), 1)
    equal(client.getbit("bits", 8), 0)
    client.set("a", "foobar")
    client.set("b", "abcdef")
    equal(client.bitcount("a"), 26)
    equal(client.bitcount("a", 1, 1), 6)
    equal(client.bitcount("a", 5, 30, "BIT"), 17)
    equal(client.bitop("AND", "both", "a", "b"), 6)
    equal(client.get("both"), "`bc`ab")
    equal(client.bitpos("a", 1), 1)
    field = client.bitfield("counters")
    equal(field.set("u8", 0, 200).incrby("u8", 0, 50).get("u8", 0).execute(), [0, 250, 250])
    field = client.bitfield("counters", default_overflow="SAT")
    equal(field.incrby("u8", 0, 100).execute(), [255])


@check
def hyperloglogs(client, connect):
    equal(client.pfadd("seen", *(f"visitor:{i}" for i in range(1000))), 1)
    equal(client.pfadd("seen", "visitor:0"), 0)
    client.pfadd("more", *(f"visitor:{i}" for i in range(500, 2000)))
    assert 970 <= client.pfcount("seen") <= 1030, client.pfcount("seen")
    assert 1940 <= client.pfcount("seen", "more") <= 2060
    equal(client.pfmerge("all", "seen", "more"), True)
    equal(client.pfcount("all"), client.pfcount("seen", "more"))
    client.set("text", "no sketch")
    refused(library.ResponseError, "not a valid HyperLogLog string value", client.pfcount, "text")


@check
def iteration(client, connect):
    names = {f"user:{i}:name" for i in range(2500)}
    client.mset(dict.fromkeys(names, "x"))
    client.set("else", 1)
    found = list(client.scan_iter(match="user:*", count=100))
    equal(len(found), len(names))
    equal(set(found), names)
    equal(set(client.scan_iter(match="else", _type="string")), {"else"})
    equal(list(client.scan_iter(_type="hash")), [])
    equal(set(client.keys("user:1?:name")), {f"user:1{i}:name" for i in range(10)})
    equal(client.dbsize(), 2501)
    assert client.randomkey() in names | {"else"}
    cursor, rounds = 0, 0
    while True:
        cursor, _ = client.scan(cursor, count=10)
        assert cursor < 2**53, "cursors must survive clients that keep them in doubles"
        rounds += 1
        if cursor == 0:
            break
    assert rounds > 1


@check
def databases_and_names(client, connect):
    second = connect(db=2)
    client.set("k", "zero")
    second.set("k", "two")
    equal((client.get("k"), second.get("k")), ("zero", "two"))
    equal(client.swapdb(0, 2), True)
    equal((client.get("k"), second.get("k")), ("two", "zero"))
    equal(client.move("k", 2), False)
    equal(client.rename("k", "renamed"), True)
    equal(client.move("renamed", 2), True)
    equal(second.get("renamed"), "two")
    equal(second.copy("renamed", "copy"), True)
    equal(second.copy("renamed", "copy"), False)
    equal(second.copy("renamed", "copy", replace=True), True)
    equal(second.renamenx("copy", "renamed"), False)
    equal(second.touch("copy", "renamed", "missing"), 2)
    equal(second.unlink("copy", "renamed"), 2)
    refused(library.ResponseError, "no such key", client.rename, "missing", "x")
    equal(second.flushdb(), True)
    equal(second.dbsize(), 0)


@check
def decoding(client, connect):
    raw = connect(decode_responses=False)
    raw.set("k", "ç")
    equal(raw.get("k"), "ç".encode())
    latin = connect(encoding="latin-1")
    latin.set("l", "ç")
    equal(raw.get("l"), b"\xe7")
    equal(latin.get("l"), "ç")
    equal(client.ping(), True)
    equal(client.echo("é"), "é")


@check
def connection_pool(client, connect):
    pool = client.connection_pool
    for _ in range(50):
        client.ping()
    numbers = [connect().client_id() for _ in range(3)]
    equal(len(set(numbers)), 3)

    def work(results, i):
        client.set(f"pool:{i}", i)
        results[i] = client.get(f"pool:{i}")

    results = {}
    threads = [threading.Thread(target=work, args=(results, i)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(results, {i: str(i) for i in range(16)})
    pool.disconnect()
    equal(client.ping(), True)


@check
def client_commands(client, connect):
    named = connect(client_name="reporter", single_connection_client=True)
    equal(named.client_getname(), "reporter")
    number = named.client_id()
    own = named.client_info()
    equal((int(own["id"]), own["name"]), (number, "reporter"))
    row = [row for row in client.client_list() if int(row["id"]) == number]
    equal([one["name"] for one in row], ["reporter"])
    assert row[0]["lib-name"].startswith(LIBRARY), row[0]["lib-name"]
    equal(row[0]["addr"].rsplit(":", 1)[0], "127.0.0.1")
    equal(named.client_setname("renamed"), True)
    equal(named.client_getname(), "renamed")
    equal(client.client_kill_filter(_id=str(number)), 1)
    assert all(int(row["id"]) != number for row in client.client_list())
    equal(client.client_kill_filter(_id=str(number)), 0)


@check
def server_commands(client, connect):
    info = client.info()
    assert info["uptime_in_seconds"] >= 0 and info["process_id"] > 0
    client.set("k", 1)
    equal(client.info("keyspace")["db0"]["keys"], 1)
    equal(client.config_get("maxmemory-policy"), {"maxmemory-policy": "noeviction"})
    equal(client.config_set("maxmemory-policy", "allkeys-lru"), True)
    equal(client.config_get("maxmemory-p*"), {"maxmemory-policy": "allkeys-lru"})
    equal(client.config_set("maxmemory-policy", "noeviction"), True)
    refused(library.ResponseError, "nonsense", client.config_set, "nonsense", 1)
    names = client.command_list()
    assert {"get", "set", "multi", "command"} <= set(names), names
    # Subcommands are listed, not counted.
    equal(client.command_count(), len([name for name in names if "|" not in name]))
    equal(client.command_getkeys("MSET", "a", 1, "b", 2), ["a", "b"])
    seconds, micros = client.time()
    assert abs(seconds - time.time()) < 5 and 0 <= micros < 1_000_000
    assert client.memory_usage("k") > 0
    refused(library.ResponseError, "unknown command 'NONSENSE'", client.execute_command, "NONSENSE", "a")
    refused(library.ResponseError, "wrong number of arguments for 'get' command", client.execute_command, "GET")


@check
def passwords(client, connect):
    client.config_set("requirepass", "s3cret")
    try:
        refused(library.AuthenticationError, "", connect().ping)
        refused((library.AuthenticationError, library.ResponseError), "", connect(password="wrong").ping)
        equal(connect(password="s3cret").ping(), True)
        equal(connect(username="default", password="s3cret").ping(), True)
    finally:
        # The connection that set it is still authenticated.
        client.config_set("requirepass", "")


def free_port():
    bounds = os.environ.get("TESTKIT_PORTS")
    ports = [0]
    if bounds:
        low, high = map(int, bounds.split("-"))
        ports = random.sample(range(low, high + 1), high - low + 1)
    for port in ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    sys.exit(f"every port of {bounds} is taken")


class Server:
    """The binary under test on a port of its own, gone with the block."""

    def __enter__(self):
        binary = os.path.abspath(os.environ.get("BRASA_BIN") or sys.exit("BRASA_BIN must name the binary"))
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="brasa-smoke-")
        self.log = open(os.path.join(self.folder.name, "log"), "w+b")
        command = [binary] if binary.endswith("-server") else [binary, "node"]
        command += ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(
            command, cwd=self.folder.name, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        give_up = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > give_up:
                    self.print_log()
                    sys.exit("the server does not listen")
                time.sleep(0.02)

    def print_log(self):
        self.log.seek(0)
        print(self.log.read().decode(errors="replace"))

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()
        self.folder.cleanup()


def main():
    failed = 0
    with Server() as server:
        for protocol in (2, 3):
            passed = 0
            for function in CHECKS:
                clients = []

                def connect(**options):
                    options = {"decode_responses": True, "protocol": protocol, **options}
                    clients.append(Client(host="127.0.0.1", port=server.port, **options))
                    return clients[-1]

                try:
                    client = connect()
                    client.flushall()
                    function(client, connect)
                    passed += 1
                except Exception:
                    failed += 1
                    print(f"FAILED {LIBRARY}, RESP{protocol}: {function.__name__}")
                    traceback.print_exc()
                for one in clients:
                    one.close()
            print(f"{LIBRARY} {library.__version__}, RESP{protocol}: {passed} of {len(CHECKS)} checks passed")
        if server.process.poll() is not None:
            failed += 1
            print(f"FAILED: the server ended with code {server.process.returncode}")
            server.print_log()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
