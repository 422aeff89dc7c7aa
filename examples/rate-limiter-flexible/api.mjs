// An API that says no: node api.mjs

import { createServer } from "node:http";
import { exports_, login, redis, search, traffic } from "./limits.mjs";

const reply = (response, status, text, headers = {}) => response.writeHead(status, headers).end(`${text}\n`);

// Counts a call; false if it was one too many, which the client has been told.
async function allowed(limit, client, response, points = 1) {
  try {
    const left = await limit.consume(client, points);
    response.setHeader("RateLimit-Remaining", left.remainingPoints);
    return true;
  } catch (refusal) {
    if (refusal instanceof Error) throw refusal;
    reply(response, 429, "too many", { "Retry-After": Math.ceil(refusal.msBeforeNext / 1000) });
    return false;
  }
}

const pages = {
  async "/search"(client, url, response) {
    if (await allowed(search, client, response)) reply(response, 200, "found");
  },

  async "/login"(client, url, response) {
    const before = await login.get(client);
    if (before && before.consumedPoints > login.points) {
      return reply(response, 429, "wait", { "Retry-After": Math.ceil(before.msBeforeNext / 1000) });
    }
    if (url.searchParams.get("password") === "secret") {
      await login.delete(client); // What was wrong before is forgiven.
      return reply(response, 200, "welcome");
    }
    if (await allowed(login, client, response)) reply(response, 401, "wrong");
  },

  async "/export"(client, url, response) {
    if (await allowed(exports_, client, response)) reply(response, 200, "rows");
  },

  async "/download"(client, url, response) {
    const bytes = Number(url.searchParams.get("bytes") ?? 1000);
    if (await allowed(traffic, client, response, bytes)) reply(response, 200, "x".repeat(bytes));
  },
};

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  const page = pages[url.pathname];
  if (!page) return reply(response, 404, "nothing here");
  try {
    await page(request.headers["x-client"] ?? request.socket.remoteAddress, url, response);
  } catch (error) {
    console.error(error.message);
    reply(response, 503, "try again later");
  }
});
await new Promise((resolve) => redis.once("ready", resolve));
server.listen(Number(process.env.APP_PORT ?? 3000), "127.0.0.1", () => {
  console.log(`ready http://127.0.0.1:${server.address().port}`);
});
