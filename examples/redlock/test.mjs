// Redlock lets one at a time in, over three servers of which one may fail. servers: 3

import { execFileSync } from "node:child_process";
import path from "node:path";
import { between, check, equal, eventually, Program, rejects, sleep, until } from "./checks.mjs";

process.env.PLAN = path.resolve("plan.json");
const { holding, locks, plan, sell, servers } = await import("./seats.mjs");

// A call ends with the second vote of three: the third may come later.
const known = (what, key, holder) =>
  eventually(what, async () => (await Promise.all(servers.map((server) => server.get(key)))).every((found) => found === holder));

const sellers = await Promise.all([1, 2, 3].map(() => Program.start("seats.mjs", "40")));
for (let n = 0; n < 20; n++) await sell(`test-${n}`);
await Promise.all(sellers.map((seller) => seller.ended));
equal("140 seats sold by four processes, none lost", [plan().sold.length, plan().takings], [140, 140 * 12]);
equal("none sold twice", new Set(plan().sold).size, 140);
const numbers = sellers.flatMap((seller) => [...seller.output.matchAll(/seat (\d+)/g)].map((match) => match[1]));
equal("each seller was told another number", new Set(numbers).size, 120);
await known("no lock is left", "hall-1", null);

// One lock, many that want it.
const lock = await locks.acquire(["door", "key"], 20_000);
await known("all servers know the holder", "door", lock.value);
await rejects("another is kept out", locks.acquire(["door"], 1000), /quorum/);
await rejects("of each thing that is locked", locks.acquire(["window", "key"], 1000), /quorum/);
await known("who failed locked nothing", "window", null);
const longer = await lock.extend(40_000);
await eventually("a lock can be extended", async () => (await servers[0].pttl("key")) > 20_000);
await longer.release();
await (await locks.acquire(["door"], 1000)).release();
const contest = await Promise.allSettled(Array.from({ length: 30 }, () => locks.acquire(["prize"], 20_000)));
equal("of thirty at once not two get it", contest.filter((one) => one.status === "fulfilled").length <= 1, true);
await Promise.all(servers.map((server) => server.del("prize")));

// Work that takes longer than the lock.
const began = Date.now();
const long = holding(["long"], 600, async (signal) => {
  await sleep(1800);
  return signal.aborted;
});
const denied = [];
while (Date.now() - began < 1500) {
  denied.push(await locks.acquire(["long"], 1000).then(() => "got it", () => "denied"));
  await sleep(100);
}
equal("it is extended while the work goes on", new Set(denied), new Set(["denied"]));
equal("and was never lost", await long, false);
await known("then it is free", "long", null);
await rejects("work is told when its lock is lost", holding(["stolen"], 600, async (signal) => {
  await Promise.all(servers.map((server) => server.set("stolen", "someone else")));
  await until("the signal", () => signal.aborted);
  throw signal.error;
}), /quorum/);
await known("a lock of someone else is not released", "stolen", "someone else");

// A holder that dies: its lock ends by itself.
const doomed = await Program.start("seats.mjs", "1000000");
await until("it sells", () => doomed.output.includes("sold"));
let held;
do {
  // Killed with the lock in hand, however many tries that takes.
  doomed.child.kill("SIGSTOP");
  held = (await Promise.all(servers.map((server) => server.get("hall-1")))).every(Boolean);
  if (!held) doomed.child.kill("SIGCONT"), await sleep(7);
} while (!held);
const killedAt = Date.now();
await doomed.stop("SIGKILL");
await sell("heir");
between("a dead holder's lock ends in its time, ms", Date.now() - killedAt, 1000, 120_000);

// Servers that fail.
await servers[2].shutdown("NOSAVE").catch(() => {});
await eventually("one server of three is gone", () => servers[2].status !== "ready");
const before = plan().sold.length;
for (let n = 0; n < 10; n++) await sell(`two-${n}`);
equal("two servers are enough", plan().sold.length, before + 10);
await servers[1].shutdown("NOSAVE").catch(() => {});
await until("the second is gone", () => servers[1].status !== "ready");
await rejects("one is not", locks.acquire(["hall-1"], 1000), /quorum/);
equal("and nobody holds what nobody got", await servers[0].get("hall-1"), null);

const shown = execFileSync("./run.sh", { encoding: "utf8", timeout: 180_000, env: { ...process.env, REDIS_URLS: process.env.REDIS_URL } });
check("run.sh sells each seat once", /sold seat 15\n/.test(shown) && /"takings":180/.test(shown), shown);
process.exit(0);
