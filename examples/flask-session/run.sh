#!/bin/sh
# Serves the application with two processes: http://127.0.0.1:8000/notes
set -eu
cd "$(dirname "$0")"
exec gunicorn --workers 2 --bind "127.0.0.1:${APP_PORT:-8000}" --log-level warning --no-control-socket notes:app
