#!/bin/sh
# Starts a worker, sends it some tasks, shows their results.
set -eu
cd "$(dirname "$0")"
celery --quiet -A shop worker --concurrency 2 --loglevel WARNING &
worker=$!
trap 'kill $worker; wait $worker || true' EXIT
python shop.py
