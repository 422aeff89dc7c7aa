// A program without a chat of its own that talks to its people: node news.mjs WORDS. For chats on `pubsub`.

import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";

const client = await createClient({ url: process.env.REDIS_URL ?? "redis://127.0.0.1:6379/0" }).connect();
new Emitter(client).emit("said", "news", process.argv.slice(2).join(" "));
await client.close();
