"""How often may a customer call? Three strategies of the library `limits`, each a Lua script in the server."""

import os
import time

from limits import parse
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
storage = storage_from_string(URL)
STRATEGIES = {
    # One counter per window: cheap, but twice the limit fits around the change of windows.
    "fixed": FixedWindowRateLimiter(storage),
    # The time of each call: exact, and costs memory for each.
    "moving": MovingWindowRateLimiter(storage),
    # Two counters, the older one weighted: cheap, and close to exact.
    "sliding": SlidingWindowCounterRateLimiter(storage),
}


def allowed(strategy, limit, *who):
    """Counts one call if there is room for it. The limit is as `10/minute`."""
    return STRATEGIES[strategy].hit(parse(limit), *who)


def left(strategy, limit, *who):
    """Calls that are left, and seconds until there are more."""
    stats = STRATEGIES[strategy].get_window_stats(parse(limit), *who)
    return stats.remaining, max(0, stats.reset_time - time.time())


if __name__ == "__main__":
    for strategy in STRATEGIES:
        # Each strategy has its own type of key, so the same customer needs another name for each.
        passed = sum(allowed(strategy, "10/minute", strategy, "ana") for _ in range(15))
        remaining, seconds = left(strategy, "10/minute", strategy, "ana")
        print(f"{strategy:8} {passed} of 15 calls passed, {remaining} left, more in {seconds:.0f} s")
