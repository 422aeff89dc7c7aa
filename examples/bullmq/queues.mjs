// Where the queues are, and how they treat jobs. Shared by the shop and its workers.

import { Queue } from "bullmq";

const url = new URL(process.env.REDIS_URL ?? "redis://127.0.0.1:6379/0");

export const connection = {
  host: url.hostname,
  port: Number(url.port || 6379),
  username: url.username || undefined,
  password: url.password || undefined,
  db: Number(url.pathname.slice(1) || 0),
  maxRetriesPerRequest: null, // A worker waits for its server as long as it takes.
};

// Bills, payments, parcels: many at a time.
export const orders = new Queue("orders", {
  connection,
  defaultJobOptions: { attempts: 3, backoff: { type: "exponential", delay: 200 }, removeOnFail: { count: 1000 } },
});

// One printer: one page at a time, urgent ones first.
export const printing = new Queue("printing", { connection });

// Text messages: the provider takes ten a second, from all workers together.
export const texts = new Queue("texts", { connection });
export const TEXTS_PER_SECOND = 10;
