"""Enqueues the jobs of a photo album with RQ and waits for them."""

import os
import time
from datetime import timedelta

import redis
from rq import Queue, Retry

import jobs

server = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))
pictures = Queue("pictures", connection=server)


def result_of(job, seconds=30):
    """Waits for the job's result. A stream per job holds its results, so this blocks and does not poll."""
    found = job.latest_result(timeout=seconds)
    if found is None or found.type != found.Type.SUCCESSFUL:
        raise RuntimeError(f"{job.id}: {found and found.exc_string}")
    return found.return_value


if __name__ == "__main__":
    sizes = pictures.enqueue_many([Queue.prepare_data(jobs.resize, ("cat.jpg", width)) for width in (200, 400, 800)])
    sent = pictures.enqueue(jobs.upload, "cat.jpg", 1, retry=Retry(max=3))
    # Runs when all that it depends on is done.
    shown = pictures.enqueue(jobs.publish, "cats", depends_on=[*sizes, sent])
    later = pictures.enqueue_in(timedelta(seconds=1), jobs.publish, "cats, again")
    began = time.time()
    print("sizes:    ", *(result_of(job) for job in sizes))
    print("published:", f"{result_of(shown) - began:.1f} s later")
    print("again:    ", f"{result_of(later) - began:.1f} s later")
