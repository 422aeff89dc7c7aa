// A shop whose carts and logins are sessions in the server: node app.mjs

import express from "express";
import session from "express-session";
import { RedisStore } from "connect-redis";
import { createClient } from "redis";

const client = createClient({ url: process.env.REDIS_URL ?? "redis://127.0.0.1:6379/0" });
client.on("error", (error) => console.error(error.message));
await client.connect();

const app = express();
app.use(session({
  store: new RedisStore({ client, prefix: "session:" }),
  secret: process.env.SECRET ?? "change me", // The same in all processes, or they do not know each other's cookies.
  resave: false, // A visit that changes nothing writes nothing; it only moves the end of the session.
  saveUninitialized: false, // No session before there is something in it.
  rolling: true,
  cookie: { maxAge: Number(process.env.SESSION_MS ?? 30 * 60_000), httpOnly: true, sameSite: "lax" },
}));

app.post("/cart/:item", (request, response) => {
  const cart = (request.session.cart ??= []);
  cart.push(request.params.item);
  response.json({ cart });
});

app.get("/", (request, response) => {
  response.json({ user: request.session.user ?? null, cart: request.session.cart ?? [], served: process.pid });
});

// A new name for the session: one that was known before the login must not be good after it.
app.post("/login/:user", (request, response, next) => {
  const { cart } = request.session;
  request.session.regenerate((error) => {
    if (error) return next(error);
    Object.assign(request.session, { user: request.params.user, cart });
    response.json({ user: request.session.user });
  });
});

app.post("/logout", (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.json({ user: null })));
});

const server = app.listen(Number(process.env.APP_PORT ?? 3000), "127.0.0.1", () => {
  console.log(`ready http://127.0.0.1:${server.address().port}`);
});
process.once("SIGTERM", () => {
  server.close(() => client.close().then(() => process.exit(0)));
  server.closeIdleConnections(); // Browsers keep theirs open.
});
