// BullMQ does each job once, and knows delays, retries, priorities, flows, rates, schedules and dead workers.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { FlowProducer, QueueEvents } from "bullmq";
import { Redis } from "ioredis";
import { between, check, equal, eventually, Program, rejects, sleep, until, URL } from "./checks.mjs";

process.env.LEDGER = path.resolve("ledger.txt");
process.env.CHECK_MS = "1000";
const { connection, orders, printing, texts } = await import("./queues.mjs");

function ledger() {
  if (!existsSync(process.env.LEDGER)) return [];
  return readFileSync(process.env.LEDGER, "utf8").trim().split("\n").map((line) => JSON.parse(line));
}
const times = (what) => ledger().filter((line) => line.what === what).length;
const lines = (word) => ledger().filter((line) => line.what.startsWith(`${word} `));
const range = (count) => Array.from({ length: count }, (_, n) => n);

const events = new QueueEvents(orders.name, { connection });
const flows = new FlowProducer({ connection });
orders.setMaxListeners(0); // One for each job that is waited for.
await events.waitUntilReady();
const seen = { completed: [], failed: [], stalled: [], progress: [] };
for (const name of Object.keys(seen)) events.on(name, (event) => seen[name].push(event));
const finished = (job) => job.waitUntilFinished(events, 180_000);

// Priorities: added while nobody works on them.
await printing.addBulk([3, 1, 2, 1, 3, 2, 0].map((priority, n) => ({
  name: "page", data: { page: `${priority}-${n}` }, opts: { priority },
})));
equal("pages wait by priority", await printing.getCountsPerPriority([0, 1, 2, 3]), { 0: 1, 1: 2, 2: 2, 3: 2 });

const workers = [
  await Program.start("worker.mjs", "orders", "printing", "texts"),
  await Program.start("worker.mjs", "orders", "texts"),
];

// What takes time of its own, all at once.
const dueAt = Date.now() + 1500;
await printing.addBulk([1500, 700, 1100].map((delay) => ({ name: "page", data: { page: `in ${delay}` }, opts: { delay } })));
const unwanted = await orders.add("remind", { order: "unwanted" }, { delay: 1500 });
await unwanted.remove();
equal("three jobs are delayed", await printing.getDelayedCount(), 3);
await orders.upsertJobScheduler("hourly", { every: 300, limit: 4 }, { name: "report", data: { kind: "hourly" } });
await orders.upsertJobScheduler("cron", { pattern: "* * * * * *", limit: 2 }, { name: "report", data: { kind: "cron" } });
await texts.addBulk(range(25).map((to) => ({ name: "text", data: { to } })));
const flaky = await orders.add("charge", { order: "flaky", failures: 2 });
const hopeless = await orders.add("charge", { order: "hopeless", failures: 99 });
const refused = await orders.add("charge", { order: "refused", refused: true });

// Many jobs, two workers, each job once.
const bills = await orders.addBulk(range(500).map((n) => ({ name: "bill", data: { order: n, amount: n * 100 } })));
const totals = (await Promise.all(bills.map(finished))).map((bill) => bill.total);
equal("500 results, each its own", totals, range(500).map((n) => n * 120));
const done = lines("bill");
equal("each of 500 jobs was done once", new Set(done.map((line) => line.what)).size === 500 && done.length, 500);
equal("by both workers", new Set(done.map((line) => line.worker)).size, 2);
const ids = new Set(bills.map((job) => job.id));
await eventually("the stream of events has each completion", () => seen.completed.filter((event) => ids.has(event.jobId)).length >= 500);
await sleep(50);
equal("once", seen.completed.filter((event) => ids.has(event.jobId)).length, 500);

// Retries.
equal("a job that fails twice is tried three times", await finished(flaky), "charged at attempt 3");
await rejects("retries end, and the error reaches who asked", finished(hopeless), /gateway down at attempt 3/);
await rejects("what cannot be repaired is not tried again", finished(refused), /card refused/);
equal("attempts", ["flaky", "hopeless", "refused"].map((order) => lines("charge").filter((line) => line.what.includes(order)).length), [3, 3, 1]);
const [first, second, third] = lines("charge").filter((line) => line.what.includes("flaky")).map((line) => line.at);
check("pauses double", second - first >= 195 && third - second >= 395, [second - first, third - second]);
equal("failed jobs are kept", (await orders.getFailed()).map((job) => job.data.order).sort(), ["hopeless", "refused"]);
equal("with their state", await hopeless.getState(), "failed");
await hopeless.retry("failed", { resetAttemptsMade: true });
await eventually("a failed job can be tried anew", () => times("charge hopeless 3") === 2);

// Flows.
const tree = await flows.add({
  name: "ship", queueName: orders.name, data: { order: "flow" },
  children: range(5).map((n) => ({ name: "pack", queueName: orders.name, data: { order: `part-${n}`, takesMs: 80 } })),
});
equal("a parent waits for its children", await tree.job.getState(), "waiting-children");
equal("and gets their results", await finished(tree.job), { order: "flow", parts: 5, grams: 1250 });
check("it ran last, once", times("ship flow") === 1 && lines("packed").every((part) => part.at <= lines("ship")[0].at));
check("children told their progress", range(4).every((n) => seen.progress.filter((event) => event.data === (n + 1) * 25).length === 5), seen.progress);
const broken = await flows.add({
  name: "ship", queueName: orders.name, data: { order: "broken" },
  children: [
    { name: "charge", queueName: orders.name, data: { refused: true, order: "child" }, opts: { failParentOnFailure: true } },
    { name: "pack", queueName: orders.name, data: { order: "spare", takesMs: 40 } },
  ],
});
await rejects("a child that fails can fail its parent", finished(broken.job), /failed/);
equal("which then never runs", times("ship broken"), 0);

// One job per name.
const twins = await Promise.all(range(20).map(() => orders.add("bill", { order: "twin", amount: 5 }, { jobId: "bill-of-twin" })));
await finished(twins[0]);
const calm = await Promise.all(range(20).map(() => orders.add("remind", { order: "calm" }, { deduplication: { id: "calm", ttl: 60_000 } })));
await until("the calm job ends", () => times("remind calm"));
equal("jobs with one name are one", [new Set(twins.map((job) => job.id)).size, times("bill twin")], [1, 1]);
equal("jobs of one kind in a minute too", [new Set(calm.map((job) => job.id)).size, times("remind calm")], [1, 1]);

// What was started above.
await until("all pages are printed", () => lines("print").length >= 10);
const pages = lines("print").map((line) => line.what.slice(6));
equal("pages are printed by priority, then in order", pages.filter((page) => page.includes("-")),
  ["0-6", "1-1", "1-3", "2-2", "2-5", "3-0", "3-4"]);
equal("delayed ones when they are due", pages.filter((page) => page.startsWith("in")), ["in 700", "in 1100", "in 1500"]);
between("and not early, ms", lines("print").at(-1).at - dueAt, -5, 120_000);
equal("a removed job is not done", times("remind unwanted"), 0);
await until("all texts are sent", () => lines("text").length >= 25);
// By the clock of the server, which is in the names of the events.
const server = new Redis(URL);
const sent = (await server.xrange(texts.toKey("events"), "-", "+"))
  .filter(([, fields]) => fields.join(" ").includes("event active")).map(([id]) => parseInt(id));
check("texts keep to ten a second, over both workers", sent.length === 25 && sent[10] - sent[0] >= 1000 && sent[20] - sent[10] >= 1000, sent);
equal("each is sent once", new Set(lines("text").map((line) => line.what)).size, lines("text").length);
await eventually("schedules run as often as asked", () => times("report hourly") >= 4 && times("report cron") >= 2);

// A worker dies with a job in hand.
equal("workers end in order", await Promise.all(workers.map((worker) => worker.stop())), [0, 0]);
const doomed = await Program.start("worker.mjs", "orders", { LOCK_MS: "1500" });
const orphan = await orders.add("pack", { order: "orphan", takesMs: 1600 });
await until("the doomed worker begins", () => times("begin orphan"));
await doomed.stop("SIGKILL");
equal("its job looks active", await orphan.getState(), "active");
const heir = await Program.start("worker.mjs", "orders", { LOCK_MS: "1500" });
equal("another worker does it", (await finished(orphan)).order, "orphan");
equal("begun twice, done once", [times("begin orphan"), times("packed orphan")], [2, 1]);
equal("it was called stalled", seen.stalled.map((event) => event.jobId), [orphan.id]);
equal("no schedule ran too often", [times("report hourly"), times("report cron")], [4, 2]);
await heir.stop();

await Promise.all([orders, printing, texts].map((queue) => queue.obliterate({ force: true })));
equal("nothing is left", await server.keys("*"), []);
server.disconnect();
await Promise.all([events, flows, orders, printing, texts].map((part) => part.close()));

const shown = execFileSync("./run.sh", { encoding: "utf8", timeout: 90_000 });
check("run.sh shows results", /parcel: .*parts: 2, grams: 500/.test(shown) && /attempt 2/.test(shown), shown);
process.exit(0);
