#!/bin/sh
# Starts the API and calls it more often than it allows.
set -eu
cd "$(dirname "$0")"
[ -d node_modules ] || npm ci --silent --no-audit --no-fund
export APP_PORT="${APP_PORT:-3000}"
node api.mjs &
api=$!
trap 'kill $api' EXIT
node -e '
const url = `http://127.0.0.1:${process.env.APP_PORT}/search`, headers = { "x-client": `demo-${process.pid}` };
for (let tries = 0; ; tries++) {
  try { await fetch(url); break; } catch (error) { if (tries > 100) throw error; await new Promise((wake) => setTimeout(wake, 100)); }
}
const replies = await Promise.all(Array.from({ length: 30 }, () => fetch(url, { headers })));
const statuses = replies.map((reply) => reply.status);
console.log("allowed:", statuses.filter((status) => status === 200).length);
console.log("refused:", statuses.filter((status) => status === 429).length);
console.log("again after", replies.find((reply) => reply.status === 429).headers.get("retry-after"), "s");
' --input-type=module
