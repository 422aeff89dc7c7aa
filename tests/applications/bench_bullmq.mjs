// BullMQ's jobs per second, and processor time of the server per job, on Brasa with 1 and 2 threads and on valkey-server.
//
//     BRASA_BIN=target/release/brasa VALKEY_SERVER=... node bench_bullmq.mjs [--rounds 3] [--scale 1.0] [KIND...]
//
// Kinds: `library` is BullMQ with a process that adds jobs and one that works on them, 50 at a time, so that Node.js is the
// limit; `raw` sends the very requests that BullMQ sends for a job (add, finish and fetch the next) through 16 connections
// with a queue each and 32 jobs on the way, so that the server is the limit. Servers take turns within a round, each new
// and empty. Ends with the median of the rounds and ratios to valkey-server.

import { execFileSync, fork, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const SERVERS = { valkey: ["VALKEY_SERVER"], "brasa 1": ["BRASA_BIN", "--io-threads", "1"], "brasa 2": ["BRASA_BIN", "--io-threads", "2"] };
const COUNTS = { library: 12_000, raw: 160_000 };
const KEPT = { removeOnComplete: { count: 1000 } };
const CONNECTIONS = 16, DEPTH = 32, QUEUE = "Q#########";
const TICKS = Number(execFileSync("getconf", ["CLK_TCK"]));

/** What the example installed. */
function packages() {
  execFileSync("python3", ["run.py", "--setup", "bullmq"], { cwd: HERE, stdio: ["ignore", "ignore", "inherit"] });
  const folder = execFileSync("python3", ["-c", "import run; print(run.node_folder(run.EXAMPLES / 'bullmq'))"], { cwd: HERE });
  return createRequire(path.join(String(folder).trim(), "package.json"));
}

function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** A new server with nothing in it. */
async function start(name) {
  const [variable, ...options] = SERVERS[name];
  const binary = process.env[variable];
  if (!binary) throw new Error(`set ${variable}`);
  const folder = mkdtempSync(path.join(os.tmpdir(), "bench-bullmq-"));
  const port = await freePort();
  const words = binary.endsWith("-server") ? [] : ["node"];
  const all = [...words, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", ...options].map(String);
  const process_ = spawn(binary, all, { cwd: folder, stdio: "ignore" });
  const gone = new Promise((resolve) => process_.once("exit", resolve));
  for (;;) {
    if (process_.exitCode !== null) throw new Error(`${binary} did not start`);
    const peer = net.connect(port, "127.0.0.1");
    const answers = await new Promise((resolve) => {
      peer.once("connect", () => resolve(true));
      peer.once("error", () => resolve(false));
    });
    peer.destroy();
    if (answers) break;
    await sleep(20);
  }
  return {
    port,
    /** Processor time of all its threads, seconds. */
    cpu() {
      const fields = readFileSync(`/proc/${process_.pid}/stat`, "latin1").replace(/.*\) /s, "").split(" ");
      return (Number(fields[11]) + Number(fields[12])) / TICKS;
    },
    async stop() {
      process_.kill();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

// --- The library -----------------------------------------------------------------------------------------------------

/** The process that works; tells how many it has done when asked. */
async function work(port) {
  const { Worker } = packages()("bullmq");
  let done = 0;
  const worker = new Worker("bills", async (job) => { done += 1; return { total: job.data.amount }; },
    { connection: { host: "127.0.0.1", port, maxRetriesPerRequest: null }, concurrency: 50 });
  await worker.waitUntilReady();
  process.send("ready");
  process.on("message", async (count) => {
    while (done < count) await sleep(1);
    process.send("done");
  });
}

async function library(port, count, require) {
  const { Queue } = require("bullmq");
  const worker = fork(fileURLToPath(import.meta.url), ["work", String(port)]);
  const told = (word) => new Promise((resolve, reject) => {
    worker.once("exit", () => reject(new Error("the worker ended")));
    worker.on("message", (message) => message === word && resolve());
  });
  await told("ready");
  const queue = new Queue("bills", { connection: { host: "127.0.0.1", port } });
  await queue.waitUntilReady();
  const done = told("done");
  const began = performance.now();
  worker.send(count);
  for (let n = 0; n < count; n += 50) {
    // As a web server adds them: each on its own, several at a time.
    await Promise.all(Array.from({ length: 50 }, (_, m) => queue.add("bill", { order: n + m, amount: n }, KEPT)));
  }
  await done;
  const took = performance.now() - began;
  worker.removeAllListeners("exit");
  worker.kill();
  await queue.close();
  return { took: took / 1000, count };
}

// --- What the library sends, without it ------------------------------------------------------------------------------

const bytes = (word) => (Buffer.isBuffer(word) ? word : Buffer.from(String(word)));
function request(words) {
  const parts = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words.map(bytes)) parts.push(Buffer.from(`$${word.length}\r\n`), word, Buffer.from("\r\n"));
  return Buffer.concat(parts);
}

/** The arguments of each request of a job, as BullMQ sends them for the queue QUEUE. */
async function capture(port, require) {
  const { Queue, Worker } = require("bullmq");
  const { Redis } = require("ioredis");
  const connection = new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: null });
  const [queue, worker] = [new Queue(QUEUE, { connection }), new Worker(QUEUE, null, { connection, autorun: false })];
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  const send = connection.sendCommand;
  let sent = [];
  connection.sendCommand = function (command, ...rest) {
    if (command.name === "evalsha") sent.push([command.name, ...command.args.map(bytes)]);
    return send.call(this, command, ...rest);
  };
  const one = async (what) => {
    sent = [];
    const result = await what();
    if (sent.length !== 1) throw new Error(`one script was expected, not ${sent.length}`);
    return [sent[0], result];
  };
  const data = { order: 123456, amount: 4200 };
  const [add] = await one(() => queue.add("bill", data, KEPT));
  const [fetch, job] = await one(() => worker.getNextJob("token"));
  await queue.add("bill", data, KEPT);
  const [finish] = await one(() => job.moveToCompleted({ total: 4200 }, "token", true));
  await Promise.all([queue.close(), worker.close(true)]);
  connection.disconnect();
  return { add, fetch, finish };
}

/** The request for a queue of the connection's own and, where it names job 1, for that job. */
function requestOf(words, connection, job) {
  const own = String(connection).padStart(QUEUE.length, "q");
  return request(words.map((word) => {
    const text = word.toString("latin1").replaceAll(QUEUE, own);
    if (text === "1" && job.at.has(word)) return job.id;
    return Buffer.from(text === `bull:${own}:1` ? `bull:${own}:${job.id}` : text, "latin1");
  }));
}

async function raw(port, count, require) {
  const { add, fetch, finish } = await capture(port, require);
  // moveToFinished has 14 keys; the job's number is the first argument after them.
  const at = new Set([finish[3 + Number(finish[2])]]);
  const rounds = Math.floor(count / (CONNECTIONS * DEPTH));
  const texts = Array.from({ length: CONNECTIONS }, (_, connection) => {
    const of = (words, id) => requestOf(words, connection, { at, id: String(id) });
    const first = Buffer.concat([of(add, 1), of(fetch, 1)]);
    return Array.from({ length: rounds }, (_, round) => Buffer.concat([
      ...(round === 0 ? [first] : []),
      ...Array.from({ length: DEPTH }, (_, n) => round * DEPTH + n + 1).flatMap((id) => [of(add, id + 1), of(finish, id)]),
      request(["PING"]),
    ]));
  });
  const peers = texts.map(() => net.connect({ port, host: "127.0.0.1", noDelay: true }));
  await Promise.all(peers.map((peer) => new Promise((resolve) => peer.once("connect", resolve))));
  const began = performance.now();
  await Promise.all(peers.map((peer, connection) => new Promise((resolve, reject) => {
    let round = 0, tail = "";
    peer.on("error", reject);
    peer.on("data", (received) => {
      if (received.includes("\r\n-") || received[0] === 45 || received.includes("\r\n:-")) {
        reject(new Error(`an error of a script: ${received.toString("latin1", 0, 300)}`));
      }
      tail = (tail + received.toString("latin1", Math.max(0, received.length - 7))).slice(-7);
      if (tail !== "+PONG\r\n") return;
      round += 1;
      if (round === rounds) resolve();
      else peer.write(texts[connection][round]);
    });
    peer.write(texts[connection][0]);
  })));
  const took = performance.now() - began;
  peers.forEach((peer) => peer.destroy());
  const { Redis } = require("ioredis");
  const client = new Redis({ host: "127.0.0.1", port });
  for (let connection = 0; connection < CONNECTIONS; connection++) {
    const prefix = `bull:${String(connection).padStart(QUEUE.length, "q")}:`;
    const found = [await client.get(`${prefix}id`), await client.zcard(`${prefix}completed`), await client.llen(`${prefix}active`)];
    const wanted = [String(rounds * DEPTH + 1), Math.min(rounds * DEPTH, KEPT.removeOnComplete.count), 1];
    if (String(found) !== String(wanted)) throw new Error(`queue ${connection} has ${found}, not ${wanted}`);
  }
  client.disconnect();
  return { took: took / 1000, count: rounds * DEPTH * CONNECTIONS };
}

// ---------------------------------------------------------------------------------------------------------------------

async function measure(kind, name, scale, require) {
  const server = await start(name);
  try {
    const before = server.cpu();
    const { took, count } = await { library, raw }[kind](server.port, Math.round((COUNTS[kind] * scale) / 100) * 100, require);
    return { speed: count / took, cost: ((server.cpu() - before) / count) * 1e6 };
  } finally {
    await server.stop();
  }
}

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

async function main(words) {
  const option = (name, otherwise) => {
    const at = words.indexOf(name);
    return at < 0 ? otherwise : Number(words.splice(at, 2)[1]);
  };
  const rounds = option("--rounds", 3), scale = option("--scale", 1);
  const kinds = words.length ? words : Object.keys(COUNTS);
  const unknown = kinds.find((kind) => !COUNTS[kind]);
  if (unknown) throw new Error(`no kind ${unknown}; there are ${Object.keys(COUNTS).join(", ")}`);
  const require = packages();
  console.log("kind    server      jobs/s  ratio  CPU µs/job  ratio   jobs/s of each round");
  for (const kind of kinds) {
    const found = Object.fromEntries(Object.keys(SERVERS).map((name) => [name, []]));
    for (let turn = 0; turn < rounds; turn++) {
      const names = Object.keys(SERVERS);
      for (const name of [...names.slice(turn % 3), ...names.slice(0, turn % 3)]) {
        found[name].push(await measure(kind, name, scale, require));
      }
    }
    const of = (name, what) => median(found[name].map((row) => row[what]));
    for (const name of Object.keys(SERVERS)) {
      const [speed, cost] = [of(name, "speed"), of(name, "cost")];
      console.log(kind.padEnd(7), name.padEnd(8), speed.toFixed(0).padStart(9), (speed / of("valkey", "speed")).toFixed(2).padStart(6),
        cost.toFixed(1).padStart(11), (cost / of("valkey", "cost")).toFixed(2).padStart(6), " ", found[name].map((row) => row.speed.toFixed(0)).join(" "));
    }
  }
}

if (process.argv[2] === "work") await work(Number(process.argv[3]));
else {
  await main(process.argv.slice(2));
  process.exit(); // Whatever ioredis still has in mind.
}
