#!/bin/sh
# Shows pages to twelve visitors, for 5 s with each kind of cache, and reports what the database had to do.
set -eu
cd "$(dirname "$0")"
exec python pages.py
