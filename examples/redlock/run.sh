#!/bin/sh
# Three processes sell five seats each; no seat is sold twice.
set -eu
cd "$(dirname "$0")"
[ -d node_modules ] || npm ci --silent --no-audit --no-fund
PLAN=$(mktemp -d)/plan.json
export PLAN
node seats.mjs 5 & node seats.mjs 5 & node seats.mjs 5
wait
echo "takings: $(cat "$PLAN")"
rm -r "$(dirname "$PLAN")"
