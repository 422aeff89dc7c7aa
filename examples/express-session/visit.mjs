// One visitor of two lives of the shop: its cart and login are still there in the second.

import { spawn } from "node:child_process";
import { once } from "node:events";

let cookie;

async function ask(shop, method, path) {
  const reply = await fetch(shop.url + path, { method, headers: cookie ? { cookie } : {} });
  cookie = reply.headers.get("set-cookie")?.split(";")[0] ?? cookie;
  console.log(`${method.padEnd(4)} ${path.padEnd(10)} ${await reply.text()}`);
}

async function shop() {
  const child = spawn(process.execPath, ["app.mjs"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(child.stdout, "data");
  console.log("shop", String(line).trim());
  return { child, url: String(line).match(/http\S+/)[0] };
}

async function close({ child }) {
  child.kill();
  await once(child, "exit");
}

const first = await shop();
await ask(first, "POST", "/cart/lamp");
await ask(first, "POST", "/login/ann");
await close(first);
const second = await shop();
await ask(second, "GET", "/");
await close(second);
