"""The cache takes load off a real PostgreSQL, one asks where many would, and no reader sees an overtaken answer."""

import threading
import time

import psycopg
import redis

import database
import pages
from cache import Cache
from checks import URL, between, equal, raises, true

server = redis.Redis.from_url(URL)


def at_once(count, work):
    """Runs it in so many threads that begin together; replies with what each gave."""
    together, results = threading.Barrier(count), []

    def one():
        together.wait()
        results.append(work())

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Slow:
    """A question that takes a while, and knows how many were asked at the same time."""

    def __init__(self, seconds=0.1):
        self.seconds, self.asked, self.now, self.most, self.lock = seconds, 0, 0, 0, threading.Lock()

    def __call__(self):
        with self.lock:
            self.asked += 1
            number = self.asked
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self.seconds)
        with self.lock:
            self.now -= 1
        return number


def cache(mode, **options):
    return Cache(redis.Redis.from_url(URL), mode, **options)


def readers(mode, load, seconds, count=10, **options):
    """Many read one entry for a while; replies with how often."""
    reads, lock = 0, threading.Lock()

    def read():
        nonlocal reads
        own = cache(mode, **options)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            own.get("hot", load)
            with lock:
                reads += 1
            time.sleep(0.002)

    at_once(count, read)
    return reads


load = Slow()
at_once(20, lambda: cache("plain").get("cold", load))
true("without protection many ask for a cold entry", load.asked > 5, load.asked)
load = Slow()
equal("lock: all get the one answer", set(at_once(20, lambda: cache("lock").get("cold too", load))), {1})
equal("lock: one asked", load.asked, 1)

load = Slow(0.1)
began = time.monotonic()
reads = readers("lock", load, 2.2, ttl_s=0.5, old_s=5)
took = time.monotonic() - began
equal("lock: never two ask at once", load.most, 1)
# Each answer is fresh for 0.5 s, so one question each 0.6 s, and one that began before the end.
between("lock: questions while many read", load.asked, 2, took / 0.6 + 2)
true("lock: for many reads", reads > load.asked * 20, reads)

server.flushall()
load, oldest = Slow(0.02), []


def timed():
    load()
    return time.time()


def read_early():
    own, end = cache("early", ttl_s=0.5), time.monotonic() + 2.2
    while time.monotonic() < end:
        began = time.time()
        oldest.append(began - own.get("hot", timed))
        time.sleep(0.002)


at_once(10, read_early)
equal("early: never two ask at once", load.most, 1)
# Each answer is fresh for 0.5 s; with so many readers the next question begins about 0.1 s before that ends.
between("early: questions while many read", load.asked, 2, 40)
# An answer is kept a little after it was made: on a busy machine that may take a while.
true("early: answers are younger than their TTL", max(oldest) < 1.5, max(oldest))
server.flushall()


def overtaken():
    """The entry is changed after it was read from the database and before it is kept."""
    cache("lock").forget("price")
    return "old"


equal("lock: the one who asked gets what he asked for", cache("lock").get("price", overtaken), "old")
equal("lock: but an overtaken answer is not kept", cache("lock").get("price", lambda: "new"), "new")
equal("lock: the next one is", cache("lock").get("price", lambda: "newer"), "new")
raises("lock: an error reaches the one who asked", ZeroDivisionError, cache("lock").get, "broken", lambda: 1 // 0)
equal("lock: and leaves no lock", (cache("lock").get("broken", lambda: 1), server.exists("lock:broken")), (1, 0))

with database.started() as url:
    shop = pages.Pages(url, cache("lock"))
    first = shop.page(3)
    equal("a page from PostgreSQL", (first["name"], first["cents"], shop.asked), ("product 3", 300, 1))
    equal("and from the cache", (shop.page(3), shop.asked), (first, 1))
    shop.change_price(3, 299)
    equal("a new price is seen at once", (shop.page(3)["cents"], shop.asked), (299, 2))
    with psycopg.connect(url) as connection:
        truth = {product: connection.execute(database.PAGE, [product]).fetchone() for product in range(20)}

    rows = pages.compare(url, seconds=1.5, ttl_s=0.7)
    pages.report(rows)
    none, lock = rows[None], rows["lock"]
    for product in range(20):
        page = shop.page(product)
        assert (page["name"], page["cents"], page["sold"]) == truth[product], page
    equal("pages from the cache are those of the database", len(truth), 20)
    equal("without a cache each page is a question", none["asked"], none["pages"])
    between("rows of the database per 1000 pages, with lock, of those without", lock["rows"] / none["rows"], 0.0001, 0.2)
    between("its busy time, likewise", lock["busy_ms"] / none["busy_ms"], 0.0001, 0.6)
    true("more pages were shown", lock["pages"] > none["pages"], rows)
    # 20 pages, each fresh for 0.7 s of 1.5: three times at most, and more only where the machine was too busy to end in time.
    between("questions with lock", lock["asked"], 1, 20 * 8)
    true("no more than without protection", lock["asked"] <= rows["plain"]["asked"], rows)
