"""Scripts that use keys they did not declare do each job once, while many workers and others use the same keys."""

import collections
import subprocess
import threading
import time

import redis

from checks import URL, equal, eventually, true
from json_queue import JsonQueue
from leased_queue import LeasedQueue


def connect():
    return redis.Redis.from_url(URL, decode_responses=True)


server = connect()

# --- In the style of asynq: four queues, eight workers ------------------------------------------------------------------
names, each = ("a", "b", "c", "d"), 250
begun, lock = collections.Counter(), threading.Lock()
finished = collections.Counter()


def handle(message, attempt):
    with lock:
        begun[message["n"]] += 1
    if message.get("fails", 0) >= attempt:
        raise ValueError(f"attempt {attempt}")
    with lock:
        finished[message["n"]] += 1


stop = threading.Event()
workers = [threading.Thread(target=LeasedQueue(connect(), name, retry_s=0.1).work, args=(handle, stop.is_set))
           for name in names for _ in range(2)]
for worker in workers:
    worker.start()
queues = {name: LeasedQueue(server, name) for name in names}
bystander = connect()
for n in range(each):
    for name, queue in queues.items():
        queue.enqueue({"n": f"{name}{n}", "fails": 1 if n % 50 == 7 else 0}, task_id=f"{name}{n}")
    # Clients that use single keys meanwhile.
    bystander.incr("bystander")
    bystander.hget("jobs:{a}:t:a1", "state")
hopeless = queues["a"].enqueue({"n": "hopeless", "fails": 99})
later = queues["b"].enqueue({"n": "later"}, delay_s=0.5)
eventually("asynq style: all is finished", lambda: len(finished) == each * 4 + 1
           and server.zcard("jobs:{a}:archived") == 1 and sum(queue.server.llen(queue.key("active")[0]) for queue in queues.values()) == 0)
stop.set()
for worker in workers:
    worker.join()
equal("asynq style: each of 1001 tasks once", set(finished.values()), {1})
equal("asynq style: those that fail once were begun twice",
      {n for n, times in begun.items() if times == 2}, {f"{name}{n}" for name in names for n in range(7, each, 50)})
equal("asynq style: a hopeless one three times, then archived",
      (begun["hopeless"], server.hget(f"jobs:{{a}}:t:{hopeless}", "state")), (3, "archived"))
equal("asynq style: counted", [int(server.get(f"jobs:{{{name}}}:processed")) for name in names], [each, each + 1, each, each])
equal("asynq style: of tasks nothing is left but the archived", list(server.scan_iter("jobs:*:t:*", count=1000)), [f"jobs:{{a}}:t:{hopeless}"])
equal("a bystander lost nothing", int(bystander.get("bystander")), each)

queue = LeasedQueue(server, "e", lease_s=0.5)
equal("asynq style: a number is taken once", (queue.enqueue({}, "one"), queue.enqueue({}, "one")), ("one", None))
server.set("jobs:{e}:paused", 1)
equal("asynq style: a paused queue gives nothing", queue.dequeue(), None)
server.delete("jobs:{e}:paused")
equal("asynq style: a worker takes it and dies", queue.dequeue(), ("one", {}, 1))
equal("asynq style: nobody else gets it", (queue.forward(), queue.dequeue()), (0, None))
eventually("asynq style: until the lease ends", queue.forward)
equal("asynq style: then another does", queue.dequeue(), ("one", {}, 2))
equal("asynq style: and ends it, once", (queue.done("one"), queue.done("one")), (True, False))

# --- In the style of Sidekiq --------------------------------------------------------------------------------------------
jobs = JsonQueue(server)
done, stop = collections.Counter(), threading.Event()


def work():
    own = JsonQueue(connect())
    while not stop.is_set():
        own.enqueue_due()
        job = own.fetch(("critical", "default"), timeout_s=0.1)
        if job:
            fails = job["class"] == "Flaky" and job.get("retry_count", 0) < job["args"][0]
            with lock:
                done[job["jid"]] += 1
            own.finish(job, failed="no" if fails else None, retry_s=0.1)


unlocked = jobs.push_unique("Report", 11)
equal("Sidekiq style: the same job again is the one that is there", {jobs.push_unique("Report", 11) for _ in range(5)}, {unlocked})
true("Sidekiq style: another is not", jobs.push_unique("Report", 12) != unlocked)
jobs.push_many("Mistake", [[n] for n in range(30)])
jobs.push_many("Mistake", [[n] for n in range(30)], queue="critical")
equal("Sidekiq style: a class is deleted from all queues", (jobs.delete_class("Mistake"), server.llen("queue:default")), (60, 2))
due = [jobs.push_in(0.3, "Mail", n, queue=("default", "critical")[n % 2]) for n in range(150)]
numbers = jobs.push_many("Resize", [[n] for n in range(500)]) + jobs.push_many("Pay", [[n] for n in range(500)], queue="critical")
flaky, dead = jobs.push("Flaky", 2), jobs.push("Flaky", 99)
workers = [threading.Thread(target=work) for _ in range(6)]
for worker in workers:
    worker.start()
eventually("Sidekiq style: all is done", lambda: sum(done.values()) >= 1000 + 150 + 2 + 6)
time.sleep(0.3)
stop.set()
for worker in workers:
    worker.join()
equal("Sidekiq style: each of 1152 jobs once", {done[jid] for jid in numbers + due + [unlocked]}, {1})
equal("Sidekiq style: one that fails twice ran three times, as did a dead one", (done[flaky], done[dead]), (3, 3))
equal("Sidekiq style: the dead one is kept", (server.zcard("dead"), server.zcard("retry"), server.zcard("schedule")), (1, 0, 0))
equal("Sidekiq style: counted", (int(server.get("stat:processed")), int(server.get("stat:failed"))), (1000 + 150 + 2 + 6, 5))
equal("Sidekiq style: no lock is left", list(server.scan_iter("unique:*")), [])

shown = subprocess.run(["./run.sh"], capture_output=True, text=True, timeout=180).stdout
true("run.sh shows both", "rui (attempt 2)" in shown and "1 report; done:" in shown, shown)
