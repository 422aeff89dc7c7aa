// A chat that runs in as many processes as you like: node chat.mjs [pubsub|sharded|streams]

import { createServer } from "node:http";
import { createAdapter as pubsubAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as streamsAdapter } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

export const KINDS = {
  // Messages go out on channels; who is away misses them.
  pubsub: async (client) => pubsubAdapter(client, await second(client)),
  // The same on sharded channels, one for each room: a process gets only what its rooms need.
  sharded: async (client) => createShardedAdapter(client, await second(client)),
  // Messages go through a stream: who comes back within a minute, to whichever process, gets what was missed.
  streams: async (client) => streamsAdapter(client, { streamName: "chat", maxLen: 10_000 }),
};

async function second(client) {
  const copy = client.duplicate();
  copy.on("error", (error) => console.error(error.message));
  return copy.connect();
}

const kind = process.argv[2] ?? "pubsub";
const client = createClient({ url: process.env.REDIS_URL ?? "redis://127.0.0.1:6379/0" });
client.on("error", (error) => console.error(error.message));
await client.connect();

const http = createServer((_, response) => response.end(`chat of process ${process.pid}\n`));
const io = new Server(http, {
  adapter: await KINDS[kind](client),
  ...(kind === "streams" && { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } }),
});

// Answers what takes other processes. One that died a moment ago, or is very busy, may be waited for in vain.
async function answer(done, ask) {
  try {
    done(await ask());
  } catch (error) {
    done({ error: `ask again: ${error.message}` });
  }
}

io.on("connection", (socket) => {
  socket.data.name ??= socket.handshake.auth.name;

  socket.on("join", async (room, done) => {
    await socket.join(room);
    done();
  });
  // To all others in the room, wherever they are.
  socket.on("say", (room, words) => socket.to(room).emit("said", socket.data.name, words));
  // To one, by the name of its connection.
  socket.on("whisper", (id, words) => io.to(id).emit("said", socket.data.name, words));
  // To all but a room.
  socket.on("announce", (words, except = []) => io.except(except).emit("said", socket.data.name, words));
  // Asks everyone and waits for all answers.
  socket.on("poll", (question, done) => answer(done, () => io.timeout(10_000).emitWithAck("question", question)));
  // Who is there, over all processes.
  socket.on("who", (room, done) => answer(done, async () => {
    const sockets = await (room ? io.in(room) : io).fetchSockets();
    return sockets.map((one) => one.data.name).sort();
  }));
  // Moves a room's people to another, and shows people the door.
  socket.on("move", (from, to) => io.in(from).socketsJoin(to));
  socket.on("expel", (room) => io.in(room).disconnectSockets(true));
  // Asks the other processes, not their clients.
  socket.on("processes", (done) => answer(done, async () => [process.pid, ...(await io.serverSideEmitWithAck("pid"))].sort()));
});
io.on("pid", (reply) => reply(process.pid));

http.listen(Number(process.env.APP_PORT ?? 3000), "127.0.0.1", () => {
  console.log(`ready http://127.0.0.1:${http.address().port}`);
});
