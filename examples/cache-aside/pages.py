"""Shows product pages to many visitors at once, and reports what each kind of cache took off the database."""

import os
import random
import threading
import time

import psycopg
import redis

import database
from cache import Cache

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")


class Pages:
    """The pages of one visitor: a connection to the database of his own. Without a cache each is asked for."""

    def __init__(self, url, cache=None):
        self.connection, self.cache, self.asked = psycopg.connect(url, autocommit=True), cache, 0

    def load(self, product):
        self.asked += 1
        name, cents, sold = self.connection.execute(database.PAGE, [product]).fetchone()
        return {"name": name, "cents": cents, "sold": sold}

    def page(self, product):
        if self.cache is None:
            return self.load(product)
        return self.cache.get(f"page:{product}", lambda: self.load(product))

    def change_price(self, product, cents):
        self.connection.execute("UPDATE products SET cents = %s WHERE id = %s", [cents, product])
        if self.cache:
            self.cache.forget(f"page:{product}")


def visit(url, make_cache, seconds, visitors=12, products=20, pause_s=0.004):
    """Lets visitors look at pages, some of which all want; replies with times in ms and how often the database was asked."""
    times, asked, lock = [], [], threading.Lock()
    everyone = threading.Barrier(visitors)

    def visitor(seed):
        choice, mine = random.Random(seed), []
        pages = Pages(url, make_cache() if make_cache else None)
        with pages.connection:
            everyone.wait()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                began = time.monotonic()
                pages.page(min(int(choice.paretovariate(1)) - 1, products - 1))
                mine.append((time.monotonic() - began) * 1000)
                time.sleep(pause_s)
        with lock:
            times.extend(mine)
            asked.append(pages.asked)

    threads = [threading.Thread(target=visitor, args=(n,)) for n in range(visitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(times), sum(asked)


def compare(url, seconds, ttl_s=1.0, modes=(None, "plain", "early", "lock")):
    """One row per kind of cache: pages shown, questions, rows read and ms of the database per 1000 pages, p50 and p99 in ms."""
    rows = {}
    for mode in modes:
        redis.Redis.from_url(URL).flushdb()
        make = mode and (lambda: Cache(redis.Redis.from_url(URL), mode, ttl_s=ttl_s, old_s=5))
        with database.Load(url) as load:
            times, asked = visit(url, make, seconds)
        shown = len(times)
        rows[mode] = {"pages": shown, "asked": asked, "rows": load.rows * 1000 / shown, "busy_ms": load.busy_ms * 1000 / shown,
                      "p50_ms": times[shown // 2], "p99_ms": times[shown * 99 // 100]}
    return rows


def report(rows):
    print("cache   pages  queries   per 1000 pages: rows read   DB ms   off the DB   page p50 ms   p99 ms")
    for mode, row in rows.items():
        off = 1 - row["busy_ms"] / rows[None]["busy_ms"]
        print(f"{mode or 'none':6} {row['pages']:6} {row['asked']:8} {row['rows']:27,.0f} {row['busy_ms']:7,.0f}"
              f" {off:11.1%} {row['p50_ms']:13.1f} {row['p99_ms']:8.1f}")


if __name__ == "__main__":
    with database.started() as at:
        report(compare(at, seconds=float(os.environ.get("SECONDS_EACH", "5"))))
