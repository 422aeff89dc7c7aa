"""The tasks of a small shop, for Celery. Both queues and results are in Brasa."""

import os
import random
import time

from celery import Celery, group

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
# What the tasks do to the world outside: one line each. The test counts them.
LEDGER = os.environ.get("LEDGER", "ledger.txt")

app = Celery("shop", broker=URL, backend=URL)
app.conf.update(
    result_expires=3600,
    # A task is taken off the queue when it is done, not when it begins: one whose worker dies is done by another.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    broker_transport_options={
        # Seconds until the tasks of a dead worker are handed out again. Must be longer than the longest task and ETA.
        "visibility_timeout": int(os.environ.get("VISIBILITY_S", "3600")),
        # Workers look for such tasks once a second, each time.
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    },
    broker_connection_retry_on_startup=True,
)


class GatewayDown(Exception):
    pass


def note(*words):
    """Appends a line in one write, so that lines of several processes do not mix."""
    with open(LEDGER, "a", buffering=1) as ledger:
        ledger.write(" ".join(map(str, words)) + "\n")


@app.task
def bill(order, cents):
    note("bill", order)
    return {"order": order, "total": round(cents * 1.2)}


@app.task(bind=True, autoretry_for=(GatewayDown,), max_retries=4, retry_backoff=False, default_retry_delay=0.2)
def charge(self, order, fails):
    """Fails the first `fails` times, as a payment gateway may."""
    note("charge", order, self.request.retries)
    if self.request.retries < fails:
        raise GatewayDown(f"attempt {self.request.retries + 1}")
    return f"charged after {self.request.retries} retries"


@app.task
def count_words(text):
    return len(text.split())


@app.task
def add_up(counts):
    note("add_up")
    return sum(counts)


@app.task
def remind(order):
    note("remind", order)
    return time.time()


@app.task(bind=True)
def pack(self, order, seconds):
    note("begin", order, os.getpid())
    time.sleep(seconds)
    note("packed", order)
    return order


def words_of(texts):
    """A chord: counts each text in parallel, then adds up."""
    return group(count_words.s(text) for text in texts) | add_up.s()


if __name__ == "__main__":
    receipt = bill.delay("A-1", 1000)
    payment = charge.delay("A-1", random.randint(0, 3))
    words = words_of(["to be or not to be", "that is the question"]).apply_async()
    reminder = remind.apply_async(["A-1"], countdown=1)
    sent = time.time()
    print("bill:    ", receipt.get(timeout=30))
    print("payment: ", payment.get(timeout=30))
    print("words:   ", words.get(timeout=30))
    print(f"reminder: {reminder.get(timeout=30) - sent:.1f} s after it was asked for")
