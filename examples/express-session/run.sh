#!/bin/sh
# Fills a cart, starts the shop anew, and looks into the cart.
set -eu
cd "$(dirname "$0")"
[ -d node_modules ] || npm ci --silent --no-audit --no-fund
exec node visit.mjs
