"""The leaderboard says what a sorted list of all players says, also when many write at once."""

import random
import subprocess
from concurrent.futures import ThreadPoolExecutor

import redis

from checks import URL, between, equal, true
from leaderboard import Leaderboard

server = redis.Redis.from_url(URL, decode_responses=True)
choice = random.Random(7)
board, best = Leaderboard(server, "today", ttl_s=3600), {}

games = [(f"player {choice.randrange(3000)}", choice.randrange(20_000)) for _ in range(20_000)]
for player, score in games:
    best[player] = max(score, best.get(player, -1))


def play(share):
    with redis.Redis.from_url(URL, decode_responses=True) as own:
        mine = Leaderboard(own, "today", ttl_s=3600)
        for player, score in share:
            mine.submit(player, score)


with ThreadPoolExecutor(4) as threads:
    list(threads.map(play, [games[n::4] for n in range(4)]))
model = sorted(best.items(), key=lambda item: (item[1], item[0]), reverse=True)
ranked = [(rank + 1, player, float(score)) for rank, (player, score) in enumerate(model)]

equal("20,000 games from four threads: everyone's best", board.top(len(best)), ranked)
equal("a worse score changes nothing", (board.submit(model[0][0], 1), board.top(1)), (False, ranked[:1]))
equal("ranks", [board.rank(player) for player, _ in model[::97]], list(range(1, len(model) + 1, 97)))
equal("a stranger has none", (board.rank("nobody"), board.around("nobody", 3)), (None, []))
for rank in (1, 2, 1500, len(model)):
    equal(f"around rank {rank}", board.around(model[rank - 1][0], 3), ranked[max(0, rank - 4):rank + 3])
equal("page 30", board.top(50, first=1451), ranked[1450:1500])
equal("how many are better", [board.better_than(score) for score in (0, 5000, 12_345, 19_999)],
      [sum(found > score for found in best.values()) for score in (0, 5000, 12_345, 19_999)])
between("the board of a day ends, s", server.ttl(board.key), 3000, 3600)

monday, tuesday, week = (Leaderboard(server, name) for name in ("monday", "tuesday", "week"))
with ThreadPoolExecutor(4) as threads:
    list(threads.map(lambda n: (monday if n % 2 else tuesday).add(f"player {n % 50}", n % 7), range(2000)))
points = {}
for n in range(2000):
    points[f"player {n % 50}"] = points.get(f"player {n % 50}", 0) + n % 7
equal("a week is the sum of its days", week.sum_of([monday, tuesday]), 50)
equal("of each player", {player: score for _, player, score in week.top(100)}, points)
equal("only the best 100 are kept", (board.keep(100), board.top(1000)), (len(best) - 100, ranked[:100]))

shown = subprocess.run(["./run.sh"], capture_output=True, text=True, timeout=180).stdout
true("run.sh shows the best and those near ana", len(shown.splitlines()) == 6 and "ana          9000" in shown, shown)
