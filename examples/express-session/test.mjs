// Sessions are the same in all processes, outlive them, change their name at a login, and end.

import { execFileSync } from "node:child_process";
import { RedisStore } from "connect-redis";
import { createClient } from "redis";
import { between, check, equal, eventually, Program, URL } from "./checks.mjs";

const shop = (options = {}) => Program.start("app.mjs", { APP_PORT: "0", ...options });
const url = (program) => program.output.match(/ready (\S+)/)[1];
const redis = await createClient({ url: URL }).connect();
const store = new RedisStore({ client: redis, prefix: "session:" });

// A visitor's browser: it keeps its cookie.
class Visitor {
  async ask(program, path, method = "GET") {
    const reply = await fetch(url(program) + path, { method, headers: this.cookie ? { cookie: this.cookie } : {} });
    this.cookie = reply.headers.get("set-cookie")?.split(";")[0] ?? this.cookie;
    return reply.json();
  }
  get key() {
    return `session:${decodeURIComponent(this.cookie).match(/s:([^.]+)/)[1]}`;
  }
}

const shops = [await shop(), await shop()];
const [ann, bob] = [new Visitor(), new Visitor()];

await ann.ask(shops[0], "/");
equal("who only looks has no session", [ann.cookie, await redis.dbSize()], [undefined, 0]);
await ann.ask(shops[0], "/cart/lamp", "POST");
equal("a cart is the same in both processes", (await ann.ask(shops[1], "/cart/bulb", "POST")).cart, ["lamp", "bulb"]);
await bob.ask(shops[1], "/cart/chair", "POST");
equal("visitors do not see each other's", (await bob.ask(shops[0], "/")).cart, ["chair"]);
between("the session ends when the cookie does, s", await redis.ttl(ann.key), 1600, 1800);

// Login.
const old = ann.key, oldCookie = ann.cookie;
await ann.ask(shops[0], "/login/ann", "POST");
check("a login gives the session another name", ann.key !== old);
equal("the old one is gone", await redis.exists(old), 0);
equal("and good for nothing", (await Object.assign(new Visitor(), { cookie: oldCookie }).ask(shops[0], "/")).user, null);
const forged = Object.assign(new Visitor(), { cookie: ann.cookie.replace(/\.[^.]*$/, ".forged") });
equal("nor is a cookie with a wrong signature", (await forged.ask(shops[0], "/")).user, null);

// A restart, once in order and once not.
equal("a process ends in order", await shops[0].stop(), 0);
await shops[1].stop("SIGKILL");
shops[0] = await shop();
const served = await ann.ask(shops[0], "/");
equal("a new process knows who is logged in, and the cart", [served.user, served.cart], ["ann", ["lamp", "bulb"]]);
check("it is another process", served.served === shops[0].child.pid, served);

// A visit moves the end; the session is written only when it changes.
await redis.expire(ann.key, 10);
const before = await redis.get(ann.key);
await ann.ask(shops[0], "/");
between("a visit moves the end of the session, s", await redis.ttl(ann.key), 1600, 1800);
const pick = (text) => ({ ...JSON.parse(text), cookie: null });
equal("and changes nothing else", pick(await redis.get(ann.key)), pick(before));

// Many at once.
const crowd = Array.from({ length: 200 }, () => new Visitor());
await Promise.all(crowd.map((visitor, n) => visitor.ask(shops[0], `/cart/item-${n}`, "POST")));
const carts = await Promise.all(crowd.map((visitor) => visitor.ask(shops[0], "/")));
equal("200 visitors, each with an own cart", carts.map((cart) => cart.cart), crowd.map((_, n) => [`item-${n}`]));
equal("the store counts them", await store.length(), 202);
equal("and lists them", new Set((await store.all()).flatMap((one) => one.cart)).size, 203);

// Logout, and the end of time.
await ann.ask(shops[0], "/logout", "POST");
equal("a logout ends the session", [await redis.exists(ann.key), (await ann.ask(shops[0], "/")).user], [0, null]);
const short = await shop({ SESSION_MS: "1500" });
const eve = new Visitor();
await eve.ask(short, "/login/eve", "POST");
await eventually("an unused session ends", async () => !(await redis.exists(eve.key)));
equal("and the visitor is logged out", (await eve.ask(short, "/")).user, null);
await store.clear();
equal("all sessions can be ended", [await store.length(), (await bob.ask(shops[0], "/")).cart], [0, []]);

const shown = execFileSync("./run.sh", { encoding: "utf8", timeout: 180_000 });
check("run.sh shows it", /"user":"ann","cart":\["lamp"\]/.test(shown), shown);
process.exit(0);
