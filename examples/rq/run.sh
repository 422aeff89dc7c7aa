#!/bin/sh
# Starts a worker that also puts scheduled jobs on the queue when they are due, enqueues jobs, waits for them.
set -eu
cd "$(dirname "$0")"
rq worker pictures --url "${REDIS_URL:-redis://127.0.0.1:6379/0}" --with-scheduler --quiet &
worker=$!
trap 'kill $worker; wait $worker || true' EXIT
python album.py
