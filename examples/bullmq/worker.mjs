// Does the shop's jobs. Start as many as you like: node worker.mjs [QUEUE...]

import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { UnrecoverableError, Worker } from "bullmq";
import { connection, TEXTS_PER_SECOND } from "./queues.mjs";

// What was done, one line each. A shop would send an email or call its bank here.
function record(job, what) {
  const line = { at: Date.now(), worker: process.pid, queue: job.queueName, id: job.id, what };
  if (process.env.LEDGER) appendFileSync(process.env.LEDGER, JSON.stringify(line) + "\n");
}

const tasks = {
  async bill(job) {
    record(job, `bill ${job.data.order}`);
    return { order: job.data.order, total: job.data.amount + Math.round(job.data.amount / 5) };
  },

  // The bank's gateway is down for the first `failures` attempts. A refused card is not tried again.
  async charge(job) {
    const attempt = job.attemptsMade + 1;
    record(job, `charge ${job.data.order} ${attempt}`);
    if (job.data.refused) throw new UnrecoverableError("card refused");
    if (attempt <= job.data.failures) throw new Error(`gateway down at attempt ${attempt}`);
    return `charged at attempt ${attempt}`;
  },

  async pack(job) {
    record(job, `begin ${job.data.order}`);
    for (let part = 1; part <= 4; part++) {
      await sleep(job.data.takesMs / 4);
      await job.updateProgress(part * 25);
    }
    record(job, `packed ${job.data.order}`);
    return { order: job.data.order, grams: 250 };
  },

  // Runs when all its children are done, with their results.
  async ship(job) {
    const parts = Object.values(await job.getChildrenValues());
    record(job, `ship ${job.data.order}`);
    return { order: job.data.order, parts: parts.length, grams: parts.reduce((sum, part) => sum + (part.grams ?? 0), 0) };
  },

  async remind(job) {
    record(job, `remind ${job.data.order}`);
  },

  async report(job) {
    record(job, `report ${job.data.kind}`);
  },
};

const queues = {
  orders: { run: (job) => tasks[job.name](job), options: { concurrency: 10 } },
  printing: { run: async (job) => record(job, `print ${job.data.page}`), options: { concurrency: 1 } },
  texts: {
    run: async (job) => record(job, `text ${job.data.to}`),
    options: { concurrency: 10, limiter: { max: TEXTS_PER_SECOND, duration: 1000 } },
  },
};

const lockDuration = Number(process.env.LOCK_MS ?? 30_000); // A worker that is silent for so long has died.
const stalledInterval = Number(process.env.CHECK_MS ?? 30_000); // How often somebody looks for jobs of such workers.
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(queues);
const workers = names.map((name) => {
  const { run, options } = queues[name];
  const worker = new Worker(name, run, { connection, lockDuration, stalledInterval, ...options });
  worker.on("error", (error) => console.error(`${name}: ${error.message}`));
  return worker;
});
await Promise.all(workers.map((worker) => worker.waitUntilReady()));
console.log(`ready: ${names.join(", ")}`);

// Ends what it has begun, takes nothing new.
process.once("SIGTERM", async () => {
  await Promise.all(workers.map((worker) => worker.close()));
  process.exit(0);
});
