"""Jobs per second, and processor time of the server per job, on Brasa with 1 and 2 threads and on valkey-server.

    BRASA_BIN=target/release/brasa VALKEY_SERVER=... python3 bench_jobs.py [--rounds 3] [--scale 1.0] [KIND...]

Kinds: `rq` and `celery` are the libraries with two workers each; `json` and `leased` are the queues of
examples/undeclared-keys with four workers; `raw-plain` sends what a job of Sidekiq sends (push, fetch, count) through 16
connections with 32 jobs on the way each, so that the server is the limit, which with the others is Python; `raw` also
releases a unique lock, by a script that finds its key in the job; `raw-leased` is likewise in the style of asynq: three
scripts per job, two of which use keys they did not declare.
Servers take turns within a round, each new and empty. Ends with the median of the rounds and ratios to valkey-server.
"""

import argparse
import json
import os
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import Process
from pathlib import Path

import run

EXAMPLES = run.EXAMPLES
SERVERS = {"valkey": ("valkey", []), "brasa 1": ("brasa", ["--io-threads", "1"]), "brasa 2": ("brasa", ["--io-threads", "2"])}
# What runs in the environment of the examples, with their folder as the current one.
CODE = {
    "rq": """
import sys, time, jobs
from album import pictures
from rq import Queue, SimpleWorker
from multiprocessing import Process
from redis import Redis
count = int(sys.argv[1])
def work():
    connection = Redis.from_url({url!r})
    SimpleWorker([Queue('pictures', connection=connection)], connection=connection).work(burst=True, logging_level='ERROR')
began = time.monotonic()
pictures.enqueue_many([Queue.prepare_data(jobs.time.time, ()) for _ in range(count)])
workers = [Process(target=work) for _ in range(2)]
for worker in workers: worker.start()
for worker in workers: worker.join()
took = time.monotonic() - began
assert pictures.finished_job_registry.count == count, pictures.finished_job_registry.count
print(took)
""",
    "celery": """
import sys, time, shop
from celery import group
count = int(sys.argv[1])
shop.count_words.delay('ready').get(timeout=60)
began = time.monotonic()
results = [shop.count_words.delay('a b') for _ in range(count)]
assert [result.get(timeout=120) for result in results] == [2] * count
print(time.monotonic() - began)
""",
    "json": """
import sys, time, redis
from json_queue import JsonQueue
from multiprocessing import Process
count = int(sys.argv[1])
def connect(): return redis.Redis.from_url({url!r}, decode_responses=True)
def work():
    queue = JsonQueue(connect())
    while True:
        job = queue.fetch(timeout_s=0.2)
        if not job: break
        queue.finish(job)
JsonQueue(connect()).push_many('Warm', [[0]])
began = time.monotonic()
workers = [Process(target=work) for _ in range(4)]
for worker in workers: worker.start()
queue = JsonQueue(connect())
for n in range(0, count, 50): queue.push_many('Job', [[n + m] for m in range(50)])
for worker in workers: worker.join()
print(time.monotonic() - began - 0.2)
assert int(connect().get('stat:processed')) == count + 1
""",
    "leased": """
import sys, time, redis
from leased_queue import LeasedQueue
from multiprocessing import Process
count = int(sys.argv[1])
def connect(): return redis.Redis.from_url({url!r}, decode_responses=True)
def work(name):
    queue = LeasedQueue(connect(), name)
    while (task := queue.dequeue()): queue.done(task[0])
queues = [LeasedQueue(connect(), name) for name in 'ab']
began = time.monotonic()
for n in range(count): queues[n % 2].enqueue({{'n': n}}, str(n))
workers = [Process(target=work, args=(name,)) for name in 'abab']
for worker in workers: worker.start()
for worker in workers: worker.join()
print(time.monotonic() - began)
assert sum(int(connect().get('jobs:{{%s}}:processed' % name)) for name in 'ab') == count
""",
}
COUNTS = {"rq": 600, "celery": 1000, "json": 8000, "leased": 6000, "raw-plain": 400_000, "raw": 400_000, "raw-leased": 300_000}
FOLDERS = {"rq": "rq", "celery": "celery", "json": "undeclared-keys", "leased": "undeclared-keys"}


def cpu_s(pid):
    """Processor time of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def request(*words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)])


def raw_jobs(kind, scripts, connection, count):
    """The requests of so many jobs, one text."""
    sent = []
    for n in range(count):
        if kind in ("raw", "raw-plain"):
            queue = f"q{connection}"
            job = json.dumps({"class": "Job", "args": [connection, n], "queue": queue, "jid": f"{connection:012d}{n:012d}"})
            sent += [request("SADD", "queues", queue), request("LPUSH", f"queue:{queue}", job), request("BRPOP", f"queue:{queue}", 1),
                     request("MULTI"), request("INCR", "stat:processed"), request("INCR", "stat:processed:today"), request("EXEC")]
            if kind == "raw":
                sent.append(request("EVALSHA", scripts["RELEASE_UNIQUE"], 0, job))
        else:
            at, task = f"jobs:{{{connection}}}:", f"{n}"
            sent += [request("EVALSHA", scripts["ENQUEUE"], 3, f"{at}t:{task}", f"{at}pending", f"{at}scheduled", task, '{"n": 1}', "pending", 0),
                     request("EVALSHA", scripts["DEQUEUE"], 4, f"{at}pending", f"{at}active", f"{at}lease", f"{at}paused", f"{at}t:", 1e12),
                     request("EVALSHA", scripts["DONE"], 2, f"{at}active", f"{at}lease", task, f"{at}t:", at)]
    return b"".join(sent)


def raw_client(kind, port, scripts, first, connections, rounds, depth):
    """Keeps `depth` jobs on the way on each connection until each has done `rounds` of them."""
    selector, left = selectors.DefaultSelector(), {}
    for number in range(first, first + connections):
        peer = socket.create_connection(("127.0.0.1", port))
        text = raw_jobs(kind, scripts, number, depth) + request("PING")
        left[peer] = rounds
        selector.register(peer, selectors.EVENT_READ, (text, [b""]))
        peer.sendall(text)
    while left:
        for key, _ in selector.select(30):
            peer, (text, tail) = key.fileobj, key.data
            received = peer.recv(1 << 18)
            assert received, "closed"
            assert b"\r\n-" not in received and not received.startswith(b"-"), received[:300]
            tail[0] = (tail[0] + received)[-7:]
            if tail[0] == b"+PONG\r\n":
                left[peer] -= 1
                if left[peer]:
                    peer.sendall(text)
                else:
                    del left[peer]
                    selector.unregister(peer)


def raw(kind, port, count):
    """Seconds that so many jobs took."""
    sys.path.insert(0, str(EXAMPLES / "undeclared-keys"))
    texts = {}
    for name in ("json_queue", "leased_queue"):
        # The scripts only: the modules want redis-py, which is in another environment.
        source = (EXAMPLES / "undeclared-keys" / f"{name}.py").read_text().split("class ")[0]
        exec(source.replace("import redis\n", ""), texts)
    scripts = {}
    with socket.create_connection(("127.0.0.1", port)) as peer:
        for name in ("RELEASE_UNIQUE", "ENQUEUE", "DEQUEUE", "DONE"):
            peer.sendall(request("SCRIPT", "LOAD", texts[name]))
            scripts[name] = peer.recv(200).split(b"\r\n")[1]
    depth, connections, processes = 32, 8, 2
    rounds = count // (depth * connections * processes)
    began = time.monotonic()
    clients = [Process(target=raw_client, args=(kind, port, scripts, n * connections, connections, rounds, depth)) for n in range(processes)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
        assert client.exitcode == 0
    took = time.monotonic() - began
    return took, rounds * depth * connections * processes


def measure(kind, server_name, scale):
    """(jobs per second, server's µs of processor time per job)."""
    server_kind, options = SERVERS[server_name]
    folder = Path(tempfile.mkdtemp(prefix="bench-jobs-"))
    server = run.Server(server_kind, folder, options)
    url, count, worker = f"redis://127.0.0.1:{server.port}/0", int(COUNTS[kind] * scale) // 100 * 100, None
    try:
        before = cpu_s(server.process.pid)
        if kind.startswith("raw"):
            took, count = raw(kind, server.port, count)
        else:
            python = run.python_folder() / "bin"
            environment = dict(os.environ, REDIS_URL=url, LEDGER=str(folder / "ledger"), PYTHONDONTWRITEBYTECODE="1",
                               PYTHONPATH=str(EXAMPLES / FOLDERS[kind]))
            if kind == "celery":
                worker = subprocess.Popen([python / "celery", "--quiet", "-A", "shop", "worker", "-c", "2", "--without-mingle", "-l", "ERROR"],
                                          cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            found = subprocess.run([python / "python", "-c", CODE[kind].format(url=url), str(count)], cwd=folder, env=environment,
                                   check=True, stdout=subprocess.PIPE, text=True, timeout=300)
            took = float(found.stdout.split()[-1])
        return count / took, (cpu_s(server.process.pid) - before) / count * 1e6
    finally:
        if worker:
            worker.terminate()
            worker.wait()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="jobs per second beside valkey-server")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(COUNTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="times the number of jobs")
    options = parser.parse_args()
    run.setup([])
    print(f"{'kind':11} {'server':8} {'jobs/s':>9} {'ratio':>6} {'CPU µs/job':>11} {'ratio':>6}   jobs/s of each round")
    for kind in options.kinds or COUNTS:
        found = {name: [] for name in SERVERS}
        for turn in range(options.rounds):
            names = list(SERVERS)
            for name in names[turn % 3:] + names[:turn % 3]:
                found[name].append(measure(kind, name, options.scale))
        medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in found.items()}
        for name, (speed, cost) in medians.items():
            print(f"{kind:11} {name:8} {speed:9,.0f} {speed / medians['valkey'][0]:6.2f} {cost:11.1f} {cost / medians['valkey'][1]:6.2f}   "
                  + " ".join(f"{row[0]:,.0f}" for row in found[name]), flush=True)


if __name__ == "__main__":
    main()
