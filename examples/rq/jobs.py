"""What RQ's workers do: plain functions. Each notes in a ledger what it did; the test counts that."""

import os
import time

from rq import get_current_job

LEDGER = os.environ.get("LEDGER", "ledger.txt")


def note(*words):
    """Appends a line in one write, so that lines of several processes do not mix."""
    with open(LEDGER, "a", buffering=1) as ledger:
        ledger.write(" ".join(map(str, words)) + "\n")


def resize(picture, width):
    note("resize", picture)
    return f"{picture}@{width}"


def upload(picture, fails):
    """Fails the first `fails` times, as a busy server may."""
    job = get_current_job()
    attempt = job.meta.get("attempt", 0) + 1
    job.meta["attempt"] = attempt
    job.save_meta()
    note("upload", picture, attempt)
    if attempt <= fails:
        raise ConnectionError(f"attempt {attempt}")
    return attempt


def publish(album):
    note("publish", album)
    return time.time()


def slow(name, seconds):
    note("begin", name)
    time.sleep(seconds)
    note("end", name)


def crash(name):
    """Ends its process as the kernel does when memory runs out."""
    note("crash", name)
    os.kill(os.getpid(), 9)
