"""Many processes take things from one store that cannot count by itself: a lock lets one in at a time.

    python stock.py redis     a lock of redis-py, on the first server of REDIS_URLS
    python stock.py redlock   Redlock of pottery: holds when more than half of the servers of REDIS_URLS agree
"""

import os
import sys
from multiprocessing import Process

import redis
from pottery import Redlock

URLS = os.environ.get("REDIS_URLS", "redis://127.0.0.1:6379/0").split(",")
STORE = os.environ.get("STORE", "stock.txt")


def servers():
    return [redis.Redis.from_url(url, socket_timeout=5) for url in URLS]


def lock(kind, name, seconds=10):
    """A lock that ends by itself after so many seconds, should its holder die."""
    if kind == "redis":
        return servers()[0].lock(f"lock:{name}", timeout=seconds, sleep=0.01)
    return Redlock(key=name, masters=set(servers()), auto_release_time=seconds)


def take(amount):
    """Reads, changes and writes a file: wrong if two do it at the same time."""
    with open(STORE) as store:
        left = int(store.read())
    with open(STORE, "w") as store:
        store.write(str(left - amount))


def customer(kind, times):
    door = lock(kind, "stock")
    for _ in range(times):
        with door:
            take(1)


def sell(kind, customers, times):
    """What is left of 1000 when so many customers have each taken one so many times."""
    with open(STORE, "w") as store:
        store.write("1000")
    processes = [Process(target=customer, args=(kind, times)) for _ in range(customers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    with open(STORE) as store:
        return int(store.read())


if __name__ == "__main__":
    kind = sys.argv[1] if len(sys.argv) > 1 else "redis"
    print(f"{sell(kind, 4, 25)} left after 4 customers took 25 each from 1000")
