"""A cache beside a database: look in the cache, else ask the database and keep its answer.

When an entry that many want expires, all of them would ask the database at once: a stampede. Two ways against it, both
with a lock, so that one asks:

`lock`   When an entry has expired, the others take the old answer, or wait if there is none.
`early`  No answer is older than its TTL: each reader may ask before the entry expires, the more likely the closer that is
         and the longer the last question took (A. Vattani, F. Chierichetti, K. Lowenstein: Optimal Probabilistic Cache
         Stampede Prevention, 2015). The others take what is there meanwhile.
`plain`  Neither.

An answer that was overtaken by a change is not kept: `forget` takes the lock away from the one who asked.
"""

import json
import math
import random
import time
import uuid

# Keeps an answer if the one who asked still has the lock.
KEEP = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Cache:
    def __init__(self, server, mode="lock", ttl_s=60.0, old_s=60.0, lock_s=10.0, beta=1.0):
        """Entries are fresh for `ttl_s`; with `lock` old ones are there `old_s` longer; with `early` a larger `beta` asks
        earlier. `lock_s` is longer than any question takes."""
        self.server, self.ask = server, self._plain if mode == "plain" else self._protected
        self.ttl_s, self.lock_s = ttl_s, lock_s
        self.old_s, self.beta = (old_s, 0.0) if mode == "lock" else (0.0, beta)
        self.keep, self.release = server.register_script(KEEP), server.register_script(RELEASE)
        self.hits = self.misses = 0

    def get(self, key, load):
        """The entry, or what `load` says, which is then kept."""
        return self.ask(key, load, self._look(key))

    def forget(self, *keys):
        """To be called after the database has committed a change."""
        self.server.delete(*(f"{kind}:{key}" for key in keys for kind in ("cache", "lock")))

    def _look(self, key):
        found = self.server.get(f"cache:{key}")
        return found and json.loads(found)

    def _fresh(self, entry):
        if not entry:
            return False
        # -ln of an even number between 0 and 1 is mostly small and seldom large.
        ahead = -math.log(1 - random.random()) * self.beta
        return time.time() + ahead * entry["took_s"] < entry["until"]

    def _answer(self, load):
        began = time.time()
        value = load()
        now = time.time()
        return {"value": value, "took_s": now - began, "until": now + self.ttl_s}

    def _plain(self, key, load, entry):
        if entry is None:
            self.misses += 1
            entry = self._answer(load)
            self.server.set(f"cache:{key}", json.dumps(entry), px=int(self.ttl_s * 1000))
        else:
            self.hits += 1
        return entry["value"]

    def _protected(self, key, load, entry):
        deadline = time.monotonic() + self.lock_s
        while not self._fresh(entry):
            token = uuid.uuid4().hex
            if self.server.set(f"lock:{key}", token, nx=True, px=int(self.lock_s * 1000)):
                try:
                    # The last one may have kept its answer since we looked.
                    now = self._look(key)
                    if now and now["until"] > (entry["until"] if entry else 0) and time.time() < now["until"]:
                        entry = now
                        break
                    self.misses += 1
                    entry = self._answer(load)
                    kept_ms = int((self.ttl_s + self.old_s) * 1000)
                    self.keep(keys=[f"cache:{key}", f"lock:{key}"], args=[token, json.dumps(entry), kept_ms])
                    return entry["value"]
                finally:
                    self.release(keys=[f"lock:{key}"], args=[token])
            if entry and (self.old_s or time.time() < entry["until"]):
                break  # Somebody asks already: what is there will do.
            if time.monotonic() > deadline:
                return load()
            time.sleep(0.005)
            entry = self._look(key)
        self.hits += 1
        return entry["value"]
