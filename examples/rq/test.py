"""RQ does each job once, and knows results, failures, retries, dependencies, scheduled and stopped jobs."""

import os
import subprocess
import time
from collections import Counter
from datetime import timedelta

os.environ["LEDGER"] = os.path.abspath("ledger.txt")

from rq import Queue, Retry
from rq.command import send_stop_job_command
from rq.exceptions import DuplicateJobError
from rq.job import JobStatus

import jobs
from album import pictures, result_of, server
from checks import URL, Program, between, equal, eventually, raises, true


def ledger():
    try:
        with open(jobs.LEDGER) as lines:
            return Counter(line.strip() for line in lines)
    except FileNotFoundError:
        return Counter()


def worker(*options):
    return Program("rq", "worker", "pictures", "--url", URL, "--quiet", *options)


with worker("--with-scheduler") as first, worker() as second:
    began = time.time()
    later = pictures.enqueue_in(timedelta(seconds=2), jobs.publish, "later")
    unwanted = pictures.enqueue_in(timedelta(seconds=2), jobs.publish, "unwanted")
    unwanted.cancel()

    many = pictures.enqueue_many([Queue.prepare_data(jobs.resize, (f"{n}.jpg", n)) for n in range(60)])
    equal("60 results, each its own", [result_of(job) for job in many], [f"{n}.jpg@{n}" for n in range(60)])
    equal("two workers did each job once", {ledger()[f"resize {n}.jpg"] for n in range(60)}, {1})

    flaky = pictures.enqueue(jobs.upload, "flaky.jpg", 2, retry=Retry(max=3))
    eventually("a job that fails twice ends well", lambda: flaky.get_status() == JobStatus.FINISHED)
    equal("after three attempts", flaky.return_value(), 3)
    hopeless = pictures.enqueue(jobs.upload, "hopeless.jpg", 99, retry=Retry(max=2))
    eventually("a hopeless job fails", lambda: hopeless.get_status() == JobStatus.FAILED)
    equal("after the attempts it was given", sum(ledger()[f"upload hopeless.jpg {n}"] for n in range(9)), 3)
    true("with its error", "ConnectionError: attempt 3" in hopeless.latest_result().exc_string)
    crashed = pictures.enqueue(jobs.crash, "crashed")
    eventually("a job whose process dies fails", lambda: crashed.get_status() == JobStatus.FAILED)
    equal("failures are listed", set(pictures.failed_job_registry.get_job_ids()), {hopeless.id, crashed.id})

    parts = [pictures.enqueue(jobs.slow, f"part {n}", 0.2) for n in range(4)]
    whole = pictures.enqueue(jobs.publish, "whole", depends_on=parts)
    result_of(whole)
    with open(jobs.LEDGER) as lines:
        order = [line.strip() for line in lines]
    equal("what depends on four jobs runs after them, once",
          (order.count("publish whole"), sum(line.startswith("end part") for line in order[:order.index("publish whole")])),
          (1, 4))

    endless = pictures.enqueue(jobs.slow, "endless", 60)
    eventually("an endless job begins", lambda: ledger()["begin endless"])
    # Only then does the worker that has it know its number.
    eventually("it is known to its worker", lambda: endless.id in pictures.started_job_registry.get_job_ids())
    time.sleep(0.3)
    send_stop_job_command(server, endless.id)
    eventually("it can be stopped", lambda: endless.get_status(refresh=True) == JobStatus.STOPPED)

    # RQ counts in whole seconds.
    between("a scheduled job is not early, s", result_of(later) - began, 1, 120)
    equal("a cancelled one is not done", ledger()["publish unwanted"], 0)
    equal("both workers stop in order", (first.stop(), second.stop()), (0, 0))

pictures.enqueue(jobs.resize, "once.jpg", 1, job_id="once", unique=True)
raises("a script refuses a job that is there already", DuplicateJobError,
       pictures.enqueue, jobs.resize, "once.jpg", 1, job_id="once", unique=True)
equal("so it waits once", pictures.get_job_ids(), ["once"])
subprocess.run(["rq", "worker", "pictures", "--url", URL, "--quiet", "--burst"], check=True, timeout=180)
equal("a worker in burst mode does it and ends", (ledger()["resize once.jpg"], pictures.count), (1, 0))
true("results expire", 0 < server.ttl(f"rq:results:{many[0].id}") <= 500)

shown = subprocess.run(["./run.sh"], capture_output=True, text=True, timeout=180)
true("run.sh shows results", "cat.jpg@200 cat.jpg@400 cat.jpg@800" in shown.stdout and "again:" in shown.stdout, shown)
