"""Brasa over TLS: redis-py, redis-cli, and Python's own ssl for what no client library does.

    BRASA_BIN=target/ci/brasa python tls.py

Makes certificates with `openssl`, starts the binary on free ports (or some of TESTKIT_PORTS, as 21400-21599) and kills
it at the end. Ends with code 1 if anything failed.
"""

import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

BINARY = os.environ.get("BRASA_BIN", "target/ci/brasa")
FOLDER = tempfile.mkdtemp(prefix="brasa-tls-")
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def equal(found, expected):
    assert found == expected, f"expected {expected!r}, got {found!r}"


def path(name):
    return os.path.join(FOLDER, name)


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, cwd=FOLDER, capture_output=True)


def certificate(name, subject, authority="ca", days="2", extensions="basicConstraints=CA:FALSE"):
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
            "-subj", subject)
    with open(path(f"{name}.ext"), "w") as file:
        file.write(extensions + "\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key",
            "-CAcreateserial", "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.crt")


def authority(name):
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.crt",
            "-days", "2", "-subj", f"/CN={name}")


def make_certificates():
    authority("ca")
    authority("stranger")
    names = "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1"
    certificate("server", "/CN=localhost", extensions=names)
    certificate("second", "/CN=localhost", extensions=names)
    certificate("expired", "/CN=localhost", days="-1", extensions=names)
    certificate("alice", "/CN=alice")
    certificate("nobody", "/CN=nobody")
    certificate("uri", "/CN=x", extensions="basicConstraints=CA:FALSE\nsubjectAltName=URI:bob")
    certificate("fake", "/CN=alice", authority="stranger")


def free_ports():
    first, last = (int(word) for word in os.environ.get("TESTKIT_PORTS", "0-0").split("-"))
    candidates = iter(range(first, last + 1)) if first else iter([0] * 100)
    found = []
    while len(found) < 2:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", next(candidates)))
            except OSError:
                continue
            if probe.getsockname()[1] not in found:
                found.append(probe.getsockname()[1])
    return found


class Node:
    def __init__(self, *directives):
        self.plain, self.tls = free_ports()
        self.log = open(path(f"log-{self.tls}-{time.monotonic()}"), "w+")
        words = ["--port", str(self.plain), "--tls-port", str(self.tls), "--tls-cert-file", path("server.crt"),
                 "--tls-key-file", path("server.key"), "--tls-ca-cert-file", path("ca.crt"), "--bind", "127.0.0.1",
                 "--dir", FOLDER, *directives]
        command = [BINARY] if os.path.basename(BINARY).endswith("-server") else [BINARY, "node"]
        self.child = subprocess.Popen(command + words, stdout=self.log, stderr=self.log, cwd=FOLDER)

    def __enter__(self):
        for _ in range(500):
            try:
                redis.Redis(port=self.plain, retry=Retry(NoBackoff(), 0)).ping()
                return self
            except redis.exceptions.AuthenticationError:
                return self
            except redis.exceptions.ConnectionError:
                time.sleep(0.02)
        raise AssertionError("the node does not answer: " + self.text())

    def text(self):
        self.log.flush()
        with open(self.log.name) as file:
            return file.read()

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()

    def client(self, name=None, **options):
        options.setdefault("ssl_ca_certs", path("ca.crt"))
        options.setdefault("socket_timeout", 30)
        options.setdefault("retry", Retry(NoBackoff(), 0))
        if name:
            options.update(ssl_certfile=path(f"{name}.crt"), ssl_keyfile=path(f"{name}.key"))
        return redis.Redis(host="localhost", port=self.tls, ssl=True, **options)

    def admin(self):
        return redis.Redis(port=self.plain, decode_responses=True)


def fails(call, *errors):
    try:
        found = call()
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError) as error:
        return str(error)
    raise AssertionError(f"expected a broken connection, got {found!r}")


@check
def traffic():
    for poller in ("epoll", "auto"):
        with Node("--tls-auth-clients", "no", "--io-poller", poller) as node:
            client = node.client()
            equal(client.ping(), True)
            pipeline = client.pipeline(transaction=False)
            for i in range(10_000):
                pipeline.set(f"k{i}", i)
            equal(pipeline.execute(), [True] * 10_000)
            for i in range(10_000):
                pipeline.get(f"k{i}")
            equal(pipeline.execute(), [str(i).encode() for i in range(10_000)])
            value = os.urandom(20_000_000)
            began = time.monotonic()
            client.set("large", value)
            middle = time.monotonic()
            assert client.get("large") == value, "20 MB are not what they were"
            print(f"    {poller}: 20 MB in {middle - began:.3f} s, out {time.monotonic() - middle:.3f} s")
            assert redis.Redis(port=node.plain).get("large") == value
            listener = client.pubsub(ignore_subscribe_messages=True)
            listener.subscribe("news")
            listener.get_message(timeout=1)
            with client.monitor() as monitor:
                client.publish("news", "x" * 100_000)
                # New connections introduce themselves first.
                assert any("PUBLISH" in line["command"] for line in monitor.listen()), "MONITOR shows it"
            message = None
            while message is None:
                message = listener.get_message(timeout=5)
            equal(len(message["data"]), 100_000)
            popped = []
            waiter = threading.Thread(target=lambda: popped.append(node.client().blpop("list", 20)))
            waiter.start()
            time.sleep(0.2)
            client.rpush("list", "element")
            waiter.join()
            equal(popped, [(b"list", b"element")])
            equal(client.info("server")["listener1"]["name"], "tls")
            info = client.info("tls")
            assert info["tls_server_cert_serial"] != "none" and info["tls_server_cert_expires_in_seconds"] > 80_000


@check
def redis_cli():
    with Node("--tls-auth-clients", "no") as node:
        command = ["redis-cli", "-h", "localhost", "-p", str(node.tls), "--tls", "--cacert", path("ca.crt")]
        equal(subprocess.run([*command, "ping"], capture_output=True, text=True).stdout, "PONG\n")
        for version in ("--tls-ciphersuites", "--tls-ciphers"):
            suite = "TLS_AES_128_GCM_SHA256" if version == "--tls-ciphersuites" else "ECDHE-RSA-AES256-GCM-SHA384"
            equal(subprocess.run([*command, version, suite, "ping"], capture_output=True, text=True).stdout, "PONG\n")
        wrong = subprocess.run([*command[:-1], path("stranger.crt"), "ping"], capture_output=True, text=True)
        assert "certificate verify failed" in wrong.stderr, wrong


@check
def versions_and_suites():
    with Node("--tls-auth-clients", "no", "--tls-protocols", "TLSv1.2", "--tls-ciphers",
              "ECDHE-RSA-AES128-GCM-SHA256") as node:
        context = ssl.create_default_context(cafile=path("ca.crt"))
        with context.wrap_socket(socket.create_connection(("localhost", node.tls)), server_hostname="localhost") as tls:
            equal((tls.version(), tls.cipher()[0]), ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        fails(lambda: context.wrap_socket(socket.create_connection(("localhost", node.tls)), server_hostname="localhost"))


@check
def what_does_not_fit():
    with Node("--tls-auth-clients", "no") as node:
        assert "verify failed" in fails(node.client(ssl_ca_certs=path("stranger.crt")).ping)
        fails(redis.Redis(port=node.tls, socket_timeout=5, retry=Retry(NoBackoff(), 0)).ping)
        fails(redis.Redis(host="localhost", port=node.plain, ssl=True, ssl_ca_certs=path("ca.crt"), socket_timeout=5,
                          retry=Retry(NoBackoff(), 0)).ping)
        node.admin().config_set("tls-cert-file", path("expired.crt"), "tls-key-file", path("expired.key"))
        assert "expired" in fails(node.client().ping)
        assert "Error accepting a client connection" in node.text()


@check
def client_certificates():
    for mode in ("yes", "optional", "no"):
        with Node("--tls-auth-clients", mode) as node:
            equal(node.client("alice").ping(), True)
            if mode == "yes":
                fails(node.client().ping)
            else:
                equal(node.client().ping(), True)
            if mode != "no":
                fails(node.client("fake").ping)


@check
def users_by_certificate():
    with Node("--tls-auth-clients", "optional", "--tls-auth-clients-user", "CN", "--user", "alice", "on", "~a:*", "+@all",
              "--user", "bob", "on", "~*", "+ping", "+acl|whoami", "--requirepass", "secret") as node:
        equal(node.client("alice").acl_whoami(), "alice")
        try:
            node.client("alice").get("b")
            raise AssertionError("alice may not read b")
        except redis.exceptions.NoPermissionError:
            pass
        for name in ("nobody", None):
            try:
                node.client(name).ping()
                raise AssertionError("no user, no password")
            except redis.exceptions.AuthenticationError:
                pass
        admin = redis.Redis(port=node.plain, password="secret", decode_responses=True)
        equal(admin.info("stats")["acl_access_denied_tls_cert"], 1)
        admin.config_set("tls-auth-clients-user", "URI")
        equal(node.client("uri").acl_whoami(), "bob")


@check
def preferred():
    with Node("--tls-auth-clients", "no", "--transit-encryption-mode", "preferred") as node:
        equal(node.client().ping(), True)
        equal(redis.Redis(port=node.tls, socket_timeout=5, retry=Retry(NoBackoff(), 0)).ping(), True)
        with socket.create_connection(("127.0.0.1", node.tls)) as slow:
            slow.sendall(b"P")
            time.sleep(0.05)
            slow.sendall(b"ING\r\n")
            equal(slow.recv(100), b"+PONG\r\n")
        equal(subprocess.run(["redis-cli", "-p", str(node.tls), "ping"], capture_output=True, text=True).stdout, "PONG\n")
        staying = redis.Redis(port=node.tls, socket_timeout=5, retry=Retry(NoBackoff(), 0), single_connection_client=True)
        node.admin().config_set("transit-encryption-mode", "required")
        equal(staying.ping(), True)
        fails(redis.Redis(port=node.tls, socket_timeout=5, retry=Retry(NoBackoff(), 0)).ping)
        equal(node.client().ping(), True)


@check
def reload():
    with Node("--tls-auth-clients", "no") as node:
        def serial():
            return node.admin().info("tls")["tls_server_cert_serial"]

        staying = node.client(single_connection_client=True)
        first = serial()
        for name in ("tls-cert-file", "tls-key-file", "tls-ca-cert-file"):
            try:
                node.admin().config_set(name, "/nowhere")
                raise AssertionError("it is not there")
            except redis.exceptions.ResponseError as error:
                equal(str(error), f"CONFIG SET failed (possibly related to argument '{name}') - Unable to update TLS "
                                  "configuration. Check server logs.")
        equal((serial(), node.client().ping()), (first, True))
        equal(node.admin().config_get("tls-cert-file")["tls-cert-file"], path("server.crt"))
        node.admin().config_set("tls-cert-file", path("second.crt"), "tls-key-file", path("second.key"))
        assert serial() != first
        equal((node.client().ping(), staying.ping()), (True, True))
        port = node.tls
        node.admin().config_set("tls-port", 0)
        fails(node.client().ping)
        node.admin().config_set("tls-port", port)
        equal((node.client().ping(), staying.ping()), (True, True))


@check
def half_handshakes():
    with Node("--tls-auth-clients", "no", "--transit-encryption-mode", "preferred") as node:
        began = time.monotonic()
        halves = [socket.create_connection(("127.0.0.1", node.tls)) for _ in range(50)]
        idle = socket.create_connection(("127.0.0.1", node.tls))
        for number, half in enumerate(halves):
            half.sendall(bytes([0x16, 3, 1, 2, 0, 1][: 1 + number % 6]))
        equal(node.client().ping(), True)
        for half in halves:
            half.settimeout(15)
            equal(half.recv(10), b"")
        assert 9 < time.monotonic() - began < 13, "ten seconds"
        idle.sendall(b"PING\r\n")
        equal(idle.recv(100), b"+PONG\r\n")


@check
def a_slow_reader_is_cut_off():
    with Node("--tls-auth-clients", "no", "--client-output-buffer-limit", "normal 8mb 0 0") as node:
        node.admin().set("big", "x" * 1_000_000)
        context = ssl.create_default_context(cafile=path("ca.crt"))
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("localhost", node.tls))
        tls = context.wrap_socket(raw, server_hostname="localhost")
        tls.sendall(b"GET big\r\n" * 60)
        for _ in range(100):
            if node.admin().info("stats")["client_output_buffer_limit_disconnections"] == 1:
                return
            time.sleep(0.05)
        raise AssertionError("the limit does not count what is pending")


STORM = """
import socket, ssl, sys, time
context = ssl.create_default_context(cafile=sys.argv[1])
done, end = 0, time.monotonic() + 3
while time.monotonic() < end:
    context.wrap_socket(socket.create_connection(("localhost", int(sys.argv[2]))), server_hostname="localhost").close()
    done += 1
print(done)
"""


@check
def storm_of_handshakes():
    with Node("--tls-auth-clients", "no") as node:
        command = [sys.executable, "-c", STORM, path("ca.crt"), str(node.tls)]
        storms = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        client, times = node.admin(), []
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            began = time.perf_counter()
            client.ping()
            times.append(time.perf_counter() - began)
        done = sum(int(storm.communicate()[0]) for storm in storms)
        times.sort()
        assert done > 0
        print(f"    {done / 3:.0f} handshakes/s; another client's PING: median {times[len(times) // 2] * 1e3:.2f} ms, "
              f"99 % {times[len(times) * 99 // 100] * 1e3:.2f} ms, longest {times[-1] * 1e3:.2f} ms")


def main():
    make_certificates()
    failed = 0
    for function in CHECKS:
        if sys.argv[1:] and function.__name__ not in sys.argv[1:]:
            continue
        try:
            function()
            print(f"ok   tls {function.__name__}")
        except Exception:
            failed += 1
            print(f"FAIL tls {function.__name__}")
            traceback.print_exc()
    return 1 if failed else 0


sys.exit(main())
