// Brasa through ioredis.
//
//     BRASA_BIN=target/ci/brasa IOREDIS_DIR=folder-with-node_modules node smoke.mjs
//
// Starts the binary on a free port (or one of TESTKIT_PORTS, as 21400-21599) and kills it at the end. A binary whose
// name ends in `-server` is started without the word `node`: with a real valkey-server the checks themselves can be
// checked. ioredis speaks RESP2; RESP3 is checked with HELLO over a plain socket. Ends with code 1 if anything failed.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const modules = path.resolve(process.env.IOREDIS_DIR ?? ".", "package.json");
const Redis = createRequire(modules)("ioredis");
const { version } = createRequire(modules)("ioredis/package.json");

const checks = {
  async strings({ redis }) {
    assert.equal(await redis.set("greeting", "olá, 世界"), "OK");
    assert.equal(await redis.get("greeting"), "olá, 世界");
    assert.equal(await redis.get("missing"), null);
    assert.equal(await redis.set("greeting", "x", "NX"), null);
    assert.equal(await redis.set("greeting", "new", "GET"), "olá, 世界");
    assert.equal(await redis.append("greeting", "er"), 5);
    assert.equal(await redis.getrange("greeting", 0, 1), "ne");
    assert.deepEqual(await redis.mset({ a: "1", b: "2" }), "OK");
    assert.deepEqual(await redis.mget("a", "missing", "b"), ["1", null, "2"]);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await redis.set(bytes, bytes);
    assert.deepEqual(await redis.getBuffer(bytes), bytes);
    const large = Buffer.alloc(3_000_000, "brasa");
    await redis.set("large", large);
    assert.ok((await redis.getBuffer("large")).equals(large));
    assert.equal(await redis.del("a", "b", "missing"), 2);
  },

  async lifetimes({ redis }) {
    await redis.set("k", "v", "EX", 100);
    const ttl = await redis.ttl("k");
    assert.ok(ttl >= 98 && ttl <= 100, String(ttl));
    assert.equal(await redis.persist("k"), 1);
    assert.equal(await redis.ttl("k"), -1);
    assert.equal(await redis.ttl("missing"), -2);
    await redis.set("short", "v", "PX", 30);
    await sleep(60);
    assert.equal(await redis.get("short"), null);
    await assert.rejects(redis.set("k", "v", "EX", 0), /invalid expire time in 'set' command/);
  },

  async counters({ redis, connect }) {
    assert.equal(await redis.incr("n"), 1);
    assert.equal(await redis.incrby("n", 41), 42);
    assert.equal(await redis.decr("n"), 41);
    assert.equal(await redis.incrbyfloat("f", "0.1"), "0.1");
    assert.equal(await redis.incrbyfloat("f", "0.2"), "0.3");
    await redis.set("text", "abc");
    await assert.rejects(redis.incr("text"), /value is not an integer or out of range/);
    const others = await Promise.all([1, 2, 3, 4].map(() => connect()));
    await Promise.all(others.flatMap((other) => Array.from({ length: 200 }, () => other.incr("shared"))));
    assert.equal(await redis.get("shared"), "800");
  },

  async pipelines({ redis, connect }) {
    const pipeline = redis.pipeline();
    for (let i = 0; i < 1000; i++) pipeline.set(`key:${i}`, i).get(`key:${i}`);
    const replies = await pipeline.exec();
    assert.equal(replies.length, 2000);
    replies.forEach(([error, reply], i) => {
      assert.equal(error, null);
      assert.equal(reply, i % 2 ? String((i - 1) / 2) : "OK");
    });
    const automatic = await connect({ enableAutoPipelining: true });
    const values = await Promise.all(Array.from({ length: 500 }, (_, i) => automatic.get(`key:${i}`)));
    assert.deepEqual(values, Array.from({ length: 500 }, (_, i) => String(i)));
  },

  async transactions({ redis, connect }) {
    assert.deepEqual(await redis.multi().set("a", 1).incr("a").get("a").exec(), [
      [null, "OK"],
      [null, 2],
      [null, "2"],
    ]);
    const other = await connect();
    await redis.watch("a");
    await other.set("a", "changed");
    assert.equal(await redis.multi().set("a", "never").exec(), null);
    assert.equal(await redis.get("a"), "changed");
    const [[first], [second, third]] = await redis.multi().incr("a").set("b", "done").exec();
    assert.match(first.message, /value is not an integer/);
    assert.deepEqual([second, third], [null, "OK"]);
    await assert.rejects(redis.multi().set("a").exec(), /EXECABORT/);
  },

  async bitmaps_and_hyperloglogs({ redis }) {
    assert.equal(await redis.setbit("bits", 7, 1), 0);
    assert.equal(await redis.getbit("bits", 7), 1);
    await redis.set("text", "foobar");
    assert.equal(await redis.bitcount("text"), 26);
    assert.equal(await redis.bitpos("text", 1), 1);
    assert.deepEqual(await redis.bitfield("c", "SET", "u8", 0, 200, "INCRBY", "u8", 0, 50), [0, 250]);
    assert.equal(await redis.pfadd("seen", ...Array.from({ length: 1000 }, (_, i) => `visitor:${i}`)), 1);
    const count = await redis.pfcount("seen");
    assert.ok(count >= 970 && count <= 1030, String(count));
  },

  async iteration({ redis }) {
    const names = Array.from({ length: 2500 }, (_, i) => `user:${i}:name`);
    await redis.mset(new Map(names.map((name) => [name, "x"])));
    await redis.set("else", 1);
    const found = [];
    for await (const keys of redis.scanStream({ match: "user:*", count: 100 })) found.push(...keys);
    assert.equal(found.length, names.length);
    assert.deepEqual(found.sort(), names.sort());
    assert.equal(await redis.dbsize(), 2501);
  },

  async connections({ redis, connect }) {
    const named = await connect({ connectionName: "reporter", db: 3 });
    await named.set("k", "three");
    assert.equal(await redis.get("k"), null);
    assert.equal(await named.client("GETNAME"), "reporter");
    const id = await named.client("ID");
    const line = (await redis.client("LIST")).split("\n").find((row) => row.startsWith(`id=${id} `));
    assert.match(line, / name=reporter .* db=3 /);
    const ended = new Promise((resolve) => named.once("close", resolve));
    assert.equal(await redis.client("KILL", "ID", id), 1);
    await ended;
    assert.equal(await redis.select(3), "OK");
    assert.equal(await redis.get("k"), "three");
    assert.equal(await redis.select(0), "OK");
    await assert.rejects(redis.call("NONSENSE", "a"), /unknown command 'NONSENSE'/);
  },

  async passwords({ redis, connect }) {
    await redis.config("SET", "requirepass", "s3cret");
    try {
      const stranger = await connect({ enableReadyCheck: false });
      await assert.rejects(stranger.get("k"), /NOAUTH Authentication required/);
      const friend = await connect({ password: "s3cret" });
      assert.equal(await friend.ping(), "PONG");
    } finally {
      // The connection that set it is still authenticated.
      await redis.config("SET", "requirepass", "");
    }
  },

  async resp3({ redis, port }) {
    await redis.set("k", "v");
    const reply = await raw(port, "HELLO 3\r\nGET missing\r\nGET k\r\nCONFIG GET maxmemory\r\nQUIT\r\n");
    assert.match(reply, /^%\d+\r\n/);
    assert.match(reply, /\$5\r\nproto\r\n:3\r\n/);
    assert.ok(reply.endsWith("_\r\n$1\r\nv\r\n%1\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n+OK\r\n"), reply);
  },
};

/** Sends bytes and returns everything the server says until it closes. */
function raw(port, bytes) {
  return new Promise((resolve, reject) => {
    let reply = "";
    const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.setTimeout(10_000, () => socket.destroy(new Error("no answer")));
    socket.on("data", (data) => (reply += data));
    socket.on("error", reject);
    socket.on("end", () => resolve(reply));
  });
}

async function freePort() {
  const bounds = process.env.TESTKIT_PORTS?.split("-").map(Number);
  const count = bounds ? bounds[1] - bounds[0] + 1 : 1;
  const start = Math.floor(Math.random() * count);
  for (let i = 0; i < count; i++) {
    const wanted = bounds ? bounds[0] + ((start + i) % count) : 0;
    const port = await new Promise((resolve) => {
      const probe = net.createServer();
      probe.once("error", () => resolve(null));
      probe.listen(wanted, "127.0.0.1", () => {
        const { port } = probe.address();
        probe.close(() => resolve(port));
      });
    });
    if (port) return port;
  }
  throw new Error(`every port of ${process.env.TESTKIT_PORTS} is taken`);
}

async function start() {
  const binary = path.resolve(process.env.BRASA_BIN ?? assert.fail("BRASA_BIN must name the binary"));
  const port = await freePort();
  const folder = mkdtempSync(path.join(tmpdir(), "brasa-smoke-"));
  const log = openSync(path.join(folder, "log"), "w");
  const role = binary.endsWith("-server") ? [] : ["node"];
  const child = spawn(binary, [...role, "--port", String(port), "--bind", "127.0.0.1", "--save", ""], {
    cwd: folder,
    stdio: ["ignore", log, log],
  });
  child.once("error", (error) => assert.fail(`cannot start ${binary}: ${error.message}`));
  const server = { port, child, folder, log: () => readFileSync(path.join(folder, "log"), "utf8") };
  for (const giveUp = Date.now() + 15_000; ; ) {
    try {
      await raw(port, "PING\r\nQUIT\r\n");
      return server;
    } catch (error) {
      if (child.exitCode !== null || Date.now() > giveUp) {
        stop(server);
        assert.fail(`the server does not listen: ${error.message}`);
      }
      await sleep(20);
    }
  }
}

function stop(server) {
  server.child.kill("SIGKILL");
  rmSync(server.folder, { recursive: true, force: true });
}

const server = await start();
let passed = 0;
let failed = 0;
try {
  for (const [name, check] of Object.entries(checks)) {
    const clients = [];
    const connect = async (options = {}) => {
      const client = new Redis({
        host: "127.0.0.1",
        port: server.port,
        retryStrategy: null,
        maxRetriesPerRequest: 1,
        ...options,
      });
      client.on("error", () => {}); // Rejected calls tell the same.
      clients.push(client);
      await new Promise((resolve) => client.once("ready", resolve).once("close", resolve));
      return client;
    };
    try {
      const redis = await connect();
      await redis.flushall();
      await check({ redis, connect, port: server.port });
      passed++;
    } catch (error) {
      failed++;
      console.log(`FAILED ioredis: ${name}`);
      console.log(error);
    }
    for (const client of clients) client.disconnect();
  }
  if (server.child.exitCode !== null || server.child.signalCode !== null) {
    failed++;
    console.log(`FAILED: the server ended\n${server.log()}`);
  }
} finally {
  stop(server);
}
console.log(`ioredis ${version}: ${passed} of ${Object.keys(checks).length} checks passed`);
process.exit(failed ? 1 : 0);
