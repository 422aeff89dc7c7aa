"""Celery does each task once, and knows results, retries, chords, ETAs, revoked tasks and dead workers."""

import os
import re
import signal
import subprocess
from collections import Counter
from datetime import datetime, timedelta, timezone

os.environ.update(LEDGER=os.path.abspath("ledger.txt"), VISIBILITY_S="5")

import redis
from celery.exceptions import TaskRevokedError

import shop
from checks import URL, Program, between, equal, eventually, raises, true


def ledger():
    try:
        with open(shop.LEDGER) as lines:
            return Counter(line.strip() for line in lines)
    except FileNotFoundError:
        return Counter()


def worker(name, *options):
    return Program("celery", "--quiet", "-A", "shop", "worker", "-n", name, "--loglevel", "WARNING", "--without-mingle", *options)


with worker("first", "--concurrency", "2") as first:
    shop.bill.delay("warm-up", 1).get(timeout=120)

    due = datetime.now(timezone.utc) + timedelta(seconds=2)
    later = shop.remind.apply_async(["eta"], eta=due)
    unwanted = shop.remind.apply_async(["unwanted"], countdown=2)
    unwanted.revoke()

    receipts = [shop.bill.delay(f"order-{n}", n * 100) for n in range(200)]
    totals = [receipt.get(timeout=120)["total"] for receipt in receipts]
    equal("200 results, each its own", totals, [n * 120 for n in range(200)])
    done = ledger()
    equal("each of 200 tasks was done once", {done[f"bill order-{n}"] for n in range(200)}, {1})

    equal("a task that fails twice is tried three times", shop.charge.delay("flaky", 2).get(timeout=120),
          "charged after 2 retries")
    equal("attempts of it", [ledger()[f"charge flaky {n}"] for n in range(4)], [1, 1, 1, 0])
    hopeless = shop.charge.delay("hopeless", 99)
    error = raises("retries end, and the error reaches the caller", shop.GatewayDown, hopeless.get, timeout=120)
    equal("it is the last attempt's", str(error), "attempt 5")
    equal("state of it", hopeless.state, "FAILURE")

    texts = ["word " * n for n in range(1, 41)]
    equal("a chord of 40 adds up", shop.words_of(texts).apply_async().get(timeout=120), sum(range(1, 41)))
    equal("its callback ran once", ledger()["add_up"], 1)
    chain = shop.count_words.s("a b c d") | shop.bill.si("chained", 50)
    equal("a chain ends with its last", chain.apply_async().get(timeout=120), {"order": "chained", "total": 60})

    between("a task with an ETA is not early, s", later.get(timeout=120) - due.timestamp(), -0.01, 120)
    raises("a revoked task is not done", TaskRevokedError, unwanted.get, timeout=120)
    equal("and left no trace", ledger()["remind unwanted"], 0)

    # Revoked while it runs: the worker ends the process that does it.
    packing = shop.pack.delay("stopped", 60)
    eventually("a long task begins", lambda: any(line.startswith("begin stopped") for line in ledger()))
    packing.revoke(terminate=True)
    raises("a running task is terminated", TaskRevokedError, packing.get, timeout=120)
    equal("it never ended", ledger()["packed stopped"], 0)
    equal("the worker stops in order", first.stop(seconds=30), 0)

# A worker that dies with a task in hand. The whole group goes, as when a machine fails.
with worker("doomed", "--pool", "solo") as doomed:
    orphan = shop.pack.delay("orphan", 2)
    eventually("the doomed worker begins", lambda: any(line.startswith("begin orphan") for line in ledger()))
    doomed.stop(signal.SIGKILL)
equal("it died before the end", ledger()["packed orphan"], 0)
with worker("heir", "--pool", "solo") as heir:
    # Handed out again when its time of visibility has passed.
    equal("another worker does the orphan", orphan.get(timeout=120), "orphan")
    equal("once", ledger()["packed orphan"], 1)

broker = redis.Redis.from_url(URL)
equal("nothing is left on the queue or unacknowledged", (broker.llen("celery"), broker.hlen("unacked")), (0, 0))
true("results expire", 0 < broker.ttl(f"celery-task-meta-{receipts[0].id}") <= 3600)

shown = subprocess.run(["./run.sh"], capture_output=True, text=True, timeout=180)
true("run.sh shows results", re.search(r"words:    10\nreminder: [1-9]\d*\.\d s after", shown.stdout), shown)
