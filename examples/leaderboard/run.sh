#!/bin/sh
# Fills a board with a thousand players and one called ana; shows the best three and who is near ana.
set -eu
cd "$(dirname "$0")"
exec python leaderboard.py
