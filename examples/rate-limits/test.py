"""No strategy lets one call too many through, from however many threads; windows end; customers are apart."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import redis
from limits import parse

import limiter
from checks import URL, between, equal, eventually, true

server = redis.Redis.from_url(URL)


def inside_of_an_hour():
    """Sliding windows begin with the full hour: not within 15 s of one."""
    while (time.time() + 15) % 3600 < 30:
        time.sleep(1)


inside_of_an_hour()
for strategy in limiter.STRATEGIES:
    server.flushall()
    with ThreadPoolExecutor(8) as threads:
        passed = list(threads.map(lambda n: limiter.allowed(strategy, "100/hour", f"customer {n % 2}"), range(600)))
    equal(f"{strategy}: of 300 calls of each customer 100 passed", (sum(passed[::2]), sum(passed[1::2])), (100, 100))
    remaining, seconds = limiter.left(strategy, "100/hour", "customer 0")
    equal(f"{strategy}: none is left", remaining, 0)
    between(f"{strategy}: until more, s", seconds, 0 if strategy != "moving" else 3300, 3600)
    equal(f"{strategy}: a test does not count", limiter.STRATEGIES[strategy].test(parse("100/hour"), "new"), True)
    equal(f"{strategy}: so all are left", limiter.left(strategy, "100/hour", "new")[0], 100)
    equal(f"{strategy}: a call may cost more", limiter.STRATEGIES[strategy].hit(parse("100/hour"), "new", cost=99), True)
    equal(f"{strategy}: and must fit", limiter.STRATEGIES[strategy].hit(parse("100/hour"), "new", cost=2), False)
    true(f"{strategy}: keys have a TTL", all(0 < server.ttl(key) <= 7200 for key in server.keys()), server.keys())
    limiter.STRATEGIES[strategy].clear(parse("100/hour"), "customer 0")
    true(f"{strategy}: cleared", limiter.allowed(strategy, "100/hour", "customer 0"))

# The moving window is exact over every second, not only over those that begin with a full one.
server.flushall()
times = []
end = time.monotonic() + 3.2
while time.monotonic() < end:
    now = time.monotonic()
    if limiter.allowed("moving", "20/second", "bursts"):
        times.append(now)
    time.sleep(0.005)
# A call is counted a little after `now`: of 21 in a row, the first and the last are a second apart, less that much.
spans = [late - early for early, late in zip(times, times[20:])]
true("moving: no second had more than 20", spans and min(spans) > 0.95, spans and min(spans))
true("moving: and calls went on", len(times) >= 60, len(times))

for n in range(5):
    limiter.allowed("fixed", "5/second", "soon")
eventually("fixed: the next window lets calls in", lambda: limiter.allowed("fixed", "5/second", "soon"))

limiter.allowed("fixed", "10/hour", "one")
limiter.allowed("moving", "10/hour", "two")
# A script that finds its keys by a pattern, none of them declared.
true("reset removes all", limiter.storage.reset() >= 2)
equal("and nothing is left", list(server.scan_iter("LIMITS*")), [])

shown = subprocess.run(["./run.sh"], capture_output=True, text=True, timeout=180).stdout
equal("run.sh: ten calls each passed", shown.count("10 of 15 calls passed"), 3)
