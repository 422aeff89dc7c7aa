"""The cache's own interface, called by test.py once per backend."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import shop
from checks import equal, eventually, raises, true

backend = os.environ["CACHE_BACKEND"]
cache = shop.cache
cache.clear()

cache.set_many({"a": 1, "b": {"nested": [1, 2.5, None, "olá"]}, "c": b"\x00\xff"})
equal(f"{backend}: values come back as they were", cache.get_many(["a", "b", "c", "missing"]),
      {"a": 1, "b": {"nested": [1, 2.5, None, "olá"]}, "c": b"\x00\xff"})
equal(f"{backend}: add keeps what is there", (cache.add("a", 2), cache.add("new", 2), cache.get("a"), cache.get("new")),
      (False, True, 1, 2))
cache.set("hits", 0, timeout=None)
with ThreadPoolExecutor(8) as threads:
    list(threads.map(lambda _: cache.incr("hits"), range(400)))
equal(f"{backend}: 400 increments from eight threads", cache.get("hits"), 400)
raises(f"{backend}: incr wants a key that is there", ValueError, cache.incr, "missing")
cache.set("greeting", "version one", version=1)
cache.set("greeting", "version two", version=2)
equal(f"{backend}: versions", (cache.get("greeting"), cache.get("greeting", version=2)), ("version one", "version two"))
cache.set("short", 1, timeout=1)
cache.set("long", 1, timeout=1)
true(f"{backend}: touch", cache.touch("long", 100))
eventually(f"{backend}: what is short expires", lambda: cache.get("short") is None, 10)
equal(f"{backend}: what was touched does not", cache.get("long"), 1)
equal(f"{backend}: delete_many", (cache.delete_many(["a", "b"]), cache.get_many(["a", "b"]))[1], {})

if backend == "django-redis":
    cache.set_many({f"page:{n}": n for n in range(100)})
    equal("django-redis: delete_pattern", (cache.delete_pattern("page:*"), cache.get("page:5"), cache.get("hits")), (100, None, 400))
    true("django-redis: ttl", 0 < cache.ttl("long") <= 100)
    entered = []

    def alone(n):
        with cache.lock("door", timeout=10):
            entered.append(n)
            seen = len(entered)
            time.sleep(0.01)
            return seen == len(entered)

    with ThreadPoolExecutor(6) as threads:
        equal("django-redis: one at a time behind a lock", list(threads.map(alone, range(18))), [True] * 18)
