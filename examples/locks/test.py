"""Locks exclude, end when their holder dies, and are released by their holder only. Needs servers: 3."""

import os
import subprocess
import sys
import time
from threading import Thread

import redis
from pottery import QuorumNotAchieved
from redis.exceptions import LockNotOwnedError

import stock
from checks import between, equal, eventually, raises, true

first, second, third = stock.servers()

equal("redis-py: four processes took 100", stock.sell("redis", 4, 25), 900)
equal("Redlock on three servers: three processes took 15", stock.sell("redlock", 3, 5), 985)

ours, theirs = stock.lock("redis", "door"), stock.lock("redis", "door")
true("the first comer gets it", ours.acquire(blocking=False))
equal("the second does not", theirs.acquire(blocking=False), False)
began = time.monotonic()
equal("and gives up when told to", theirs.acquire(blocking_timeout=0.3), False)
between("after that long, s", time.monotonic() - began, 0.2, 120)
stolen = stock.lock("redis", "door")
stolen.local.token = b"guessed"
raises("nobody else can release it", LockNotOwnedError, stolen.release)
equal("so it is still held", (ours.owned(), ours.locked()), (True, True))
ours.extend(20)
between("the holder can extend it, ms", first.pttl("lock:door"), 10_500, 30_000)
ours.reacquire()
between("and set it back, ms", first.pttl("lock:door"), 1_000, 10_000)
waiter = Thread(target=lambda: theirs.acquire(blocking_timeout=120) and theirs.release())
waiter.start()
time.sleep(0.1)
ours.release()
waiter.join(120)
true("a waiter gets it when it is released", not waiter.is_alive())
equal("nothing is left", first.exists("lock:door"), 0)

# A process that dies with the lock in hand.
subprocess.run([sys.executable, "-c", "import os, stock; stock.lock('redis', 'door', 1).acquire(); os._exit(9)"])
equal("the lock of a dead process is held", stock.lock("redis", "door").acquire(blocking=False), False)
true("until it ends by itself", stock.lock("redis", "door").acquire(blocking_timeout=120))

ours, theirs = stock.lock("redlock", "quorum", 30), stock.lock("redlock", "quorum", 30)
true("Redlock: the first comer gets it", ours.acquire(blocking=False))
# It has it when two agree; the third may be a little later.
eventually("Redlock: on all servers", lambda: all(server.exists("redlock:quorum") for server in (first, second, third)))
equal("Redlock: the second does not", theirs.acquire(blocking=False), False)
between("Redlock: it knows how long it holds, s", ours.locked(), 0.1, 30)
ours.extend()
ours.release()
eventually("Redlock: nothing is left", lambda: not any(server.exists("redlock:quorum") for server in (first, second, third)))

third.shutdown(nosave=True)
ours, theirs = stock.lock("redlock", "quorum", 30), stock.lock("redlock", "quorum", 30)
true("Redlock: two of three servers are enough", ours.acquire(blocking=False))
equal("Redlock: and exclude as well", theirs.acquire(blocking=False), False)
ours.release()
second.shutdown(nosave=True)
equal("Redlock: one of three is not", ours.acquire(blocking=False), False)
door = stock.lock("redlock", "quorum", 30)
door.context_manager_timeout = 0.5
raises("Redlock: with a timeout it says so", QuorumNotAchieved, door.__enter__)

shown = subprocess.run(["./run.sh"], env=dict(os.environ, REDIS_URLS=stock.URLS[0]), capture_output=True, text=True, timeout=180)
true("run.sh shows both", shown.stdout.count("900 left") == 2, shown)
