#!/bin/sh
# Serves the site with two processes: http://127.0.0.1:8000/basket?add=tea and http://127.0.0.1:8000/price/7
set -eu
cd "$(dirname "$0")"
exec gunicorn --workers 2 --bind "127.0.0.1:${APP_PORT:-8000}" --log-level warning --no-control-socket shop:application
