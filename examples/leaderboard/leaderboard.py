"""A leaderboard of a game: who is first, where am I, who is near me; per day and per week."""

import os
import random

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")


class Leaderboard:
    """Best scores by player, highest first. Among equal scores the name decides, later in the alphabet first."""

    def __init__(self, server, name, ttl_s=None):
        self.server, self.key, self.ttl_s = server, f"board:{name}", ttl_s

    def submit(self, player, score):
        """Keeps the player's best; replies whether this one is."""
        with self.server.pipeline() as unit:
            unit.zadd(self.key, {player: score}, gt=True, ch=True)
            if self.ttl_s:
                unit.expire(self.key, self.ttl_s, nx=True)
            return bool(unit.execute()[0])

    def add(self, player, points):
        """Adds points; replies with the new score."""
        return self.server.zincrby(self.key, points, player)

    def top(self, count, first=1):
        """(rank, player, score) from the given rank on, which counts from 1."""
        rows = self.server.zrange(self.key, first - 1, first + count - 2, desc=True, withscores=True)
        return [(first + n, player, score) for n, (player, score) in enumerate(rows)]

    def rank(self, player):
        """The player's rank from 1, or None."""
        rank = self.server.zrevrank(self.key, player)
        return None if rank is None else rank + 1

    def around(self, player, each_side):
        """The player and those just above and below."""
        rank = self.rank(player)
        if rank is None:
            return []
        first = max(1, rank - each_side)
        return self.top(rank + each_side - first + 1, first)

    def better_than(self, score):
        """How many have more than that score."""
        return self.server.zcount(self.key, f"({score}", "+inf")

    def keep(self, count):
        """Forgets all but the best; replies how many it forgot."""
        return self.server.zremrangebyrank(self.key, 0, -count - 1)

    def sum_of(self, boards):
        """Becomes the sum of other boards; replies how many players it has."""
        return self.server.zunionstore(self.key, [board.key for board in boards])


if __name__ == "__main__":
    server = redis.Redis.from_url(URL, decode_responses=True)
    today = Leaderboard(server, "today", ttl_s=86_400)
    for n in range(1000):
        today.submit(f"player {n}", random.randrange(10_000))
    today.submit("ana", 9_000)
    for rank, player, score in today.top(3) + today.around("ana", 1):
        print(f"{rank:4}  {player:12} {score:.0f}")
