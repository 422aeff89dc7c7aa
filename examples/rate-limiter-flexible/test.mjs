// Limits are exact over processes and at any concurrency; blocks last their time; without the server there is a fallback.

import { execFileSync } from "node:child_process";
import { between, check, equal, eventually, Program, sleep, until } from "./checks.mjs";
import { redis, search } from "./limits.mjs";

const range = (count) => Array.from({ length: count }, (_, n) => n);
const apis = [await Program.start("api.mjs", { APP_PORT: "0" }), await Program.start("api.mjs", { APP_PORT: "0" })];
const urls = apis.map((api) => api.output.match(/ready (\S+)/)[1]);

async function call(client, path, n = 0) {
  const reply = await fetch(urls[n % 2] + path, { headers: { "x-client": client } });
  await reply.text();
  return reply;
}
const statuses = async (client, path, count) => (await Promise.all(range(count).map((n) => call(client, path, n)))).map((reply) => reply.status);
const count = (all, status) => all.filter((one) => one === status).length;

// Exactly so many.
await until("the first connection", () => redis.status === "ready");
let all = await statuses("ann", "/search", 200);
equal("of 200 searches at once, over two processes, 20 are allowed", [count(all, 200), count(all, 429)], [20, 180]);
const ttl = await redis.pttl("search:ann");
between("the count ends with its minute, ms", ttl, 1, 60_000);
const refused = await call("ann", "/search");
between("who is refused is told how long to wait, s", Number(refused.headers.get("retry-after")), 1, 60);
equal("refused calls do not lengthen the minute", (await redis.pttl("search:ann")) <= ttl, true);
const remaining = [];
for (const n of range(5)) remaining.push((await call("bob", "/search", n)).headers.get("ratelimit-remaining"));
equal("the rest is told", remaining, ["19", "18", "17", "16", "15"]);
const clients = range(50);
const results = await Promise.all(clients.flatMap((client) => range(30).map(() => search.consume(`c${client}`).then(() => client, () => null))));
equal("50 clients with 30 calls each: 20 for each", clients.map((client) => count(results, client)), clients.map(() => 20));
equal("the server counted every call", (await redis.mget(clients.map((client) => `search:c${client}`))).map(Number), clients.map(() => 30));

// Points other than one.
const kept = [];
for (const bytes of [60_000, 50_000, 1]) kept.push((await call("dora", `/download?bytes=${bytes}`)).status);
equal("a limit of bytes", kept, [200, 429, 429]);
await search.reward("ann", 190);
equal("points can be given back", (await search.get("ann")).consumedPoints, 11);
await search.penalty("ann", 9);
all = await statuses("ann", "/search", 3);
equal("and taken", [count(all, 200), count(all, 429)], [0, 3]);

// Blocks.
all = [];
for (const n of range(6)) all.push((await call("eve", "/login?password=x", n)).status);
equal("four wrong passwords are wrong, the fifth blocks", all, [401, 401, 401, 401, 429, 429]);
equal("the right one too", (await call("eve", "/login?password=secret")).status, 429);
equal("nobody else", (await call("fred", "/login?password=secret")).status, 200);
const blocked = await redis.pttl("login:eve");
between("the block lasts its three seconds, ms", blocked, 1, 3000);
for (const n of range(3)) await call("gil", "/login?password=x", n);
equal("who gets it right starts anew", [(await call("gil", "/login?password=secret")).status, await redis.exists("login:gil")], [200, 0]);
const storm = await statuses("hal", "/login?password=x", 60);
check("a storm of guesses gets at most four answers", count(storm, 401) <= 4 && count(storm, 401) + count(storm, 429) === 60, storm);

// Bursts.
all = await statuses("ida", "/export", 20);
check("two a second and five more", count(all, 200) >= 7 && count(all, 200) <= 9 && count(all, 429) === 20 - count(all, 200), all);
await sleep(1050);
all = await statuses("ida", "/export", 2);
equal("the next second has two again", count(all, 200), 2);
await eventually("the block ends", async () => (await call("eve", "/login?password=secret")).status === 200);

const shown = execFileSync("./run.sh", { encoding: "utf8", timeout: 180_000 });
check("run.sh shows it", /allowed: 20\nrefused: 10\nagain after \d+ s/.test(shown), shown);

// Without its server. The first process finds out with a call of its own.
await redis.shutdown("NOSAVE").catch(() => {});
await until("the server is gone", () => redis.status !== "ready");
all = [];
for (const _ of range(8)) all.push((await call("joe", "/search")).status);
equal("without the server a process has its own limit", all, [200, 200, 200, 200, 200, 429, 429, 429]);
equal("what has no fallback says so", (await call("joe", "/login?password=secret")).status, 503);
process.exit(0);
