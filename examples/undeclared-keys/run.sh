#!/bin/sh
# Some jobs through each queue.
set -eu
cd "$(dirname "$0")"
python leased_queue.py
python json_queue.py
