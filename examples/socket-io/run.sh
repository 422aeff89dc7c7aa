#!/bin/sh
# Two processes of the chat, and two people who talk to each other across them.
set -eu
cd "$(dirname "$0")"
[ -d node_modules ] || npm ci --silent --no-audit --no-fund
exec node two.mjs "$@"
