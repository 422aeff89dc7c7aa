#!/bin/sh
# Sells one stock through many processes, behind each kind of lock.
set -eu
cd "$(dirname "$0")"
export REDIS_URLS="${REDIS_URLS:-${REDIS_URL:-redis://127.0.0.1:6379/0}}"
python stock.py redis
python stock.py redlock
