#!/bin/sh
# Starts a worker, gives it an order, shows what came of it.
set -eu
cd "$(dirname "$0")"
[ -d node_modules ] || npm ci --silent --no-audit --no-fund
node worker.mjs &
worker=$!
trap 'kill $worker; wait $worker || true' EXIT
node shop.mjs
