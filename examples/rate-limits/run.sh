#!/bin/sh
# Calls 15 times where 10 are allowed, once per strategy.
set -eu
cd "$(dirname "$0")"
exec python limiter.py
