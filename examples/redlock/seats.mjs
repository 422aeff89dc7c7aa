// Sells the seats of a cinema from several processes: node seats.mjs COUNT. The plan of the seats is a file, which knows
// no transactions; a lock over several servers keeps all others out between reading and writing it.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Redis } from "ioredis";
import Redlock, { ExecutionError } from "redlock";

const urls = (process.env.REDIS_URLS ?? process.env.REDIS_URL ?? "redis://127.0.0.1:6379/0").split(",");
const PLAN = process.env.PLAN ?? "plan.json";

// A server that is down must fail at once, or it would hold up the other two.
export const servers = urls.map((url) => new Redis(url, { maxRetriesPerRequest: 0, enableOfflineQueue: false }));
for (const server of servers) server.on("error", () => {}); // The lock counts votes.
await Promise.all(servers.map((server) => new Promise((resolve) => server.once("ready", resolve).once("close", resolve))));

export const locks = new Redlock(servers, { retryCount: 0, automaticExtensionThreshold: 300 });
locks.on("error", () => {}); // Each vote against, as each server that is down.

export const plan = () => (existsSync(PLAN) ? JSON.parse(readFileSync(PLAN, "utf8")) : { sold: [], takings: 0 });

// Runs the work with the lock in hand. Each try stands alone, instead of Redlock's own retries: those count a lock's time
// from the first try, and take what a try got from a minority of servers for somebody else's lock.
export async function holding(things, ms, work) {
  for (;;) {
    let entered = false;
    try {
      return await locks.using(things, ms, (signal) => {
        entered = true;
        return work(signal);
      });
    } catch (error) {
      if (entered || !(error instanceof ExecutionError)) throw error;
      await sleep(5 + 20 * Math.random());
    }
  }
}

// Sells the next seat. `signal` tells if the lock was lost on the way: then nothing may be written.
export function sell(buyer, price = 12) {
  return holding(["hall-1", "takings"], 2000, async (signal) => {
    const seats = plan();
    await sleep(2); // A slow disk, or a payment.
    if (signal.aborted) throw signal.error;
    seats.sold.push(buyer);
    seats.takings += price;
    writeFileSync(`${PLAN}.new`, JSON.stringify(seats));
    renameSync(`${PLAN}.new`, PLAN); // Whole or not at all, should this process die now.
    return seats.sold.length;
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const count = Number(process.argv[2] ?? 5);
  console.log("ready");
  for (let n = 0; n < count; n++) {
    console.log(`process ${process.pid} sold seat ${await sell(`${process.pid}-${n}`)}`);
  }
  for (const server of servers) server.disconnect();
}
