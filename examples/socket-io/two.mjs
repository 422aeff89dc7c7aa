// Two processes of the chat, one person at each, who talk to each other: node two.mjs [pubsub|sharded|streams]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { io } from "socket.io-client";

const kind = process.argv[2] ?? "pubsub";
const people = [];
for (const name of ["ann", "bob"]) {
  const chat = spawn(process.execPath, ["chat.mjs", kind], { env: { ...process.env, APP_PORT: "0" }, stdio: ["ignore", "pipe", "inherit"] });
  const url = String((await once(chat.stdout, "data"))[0]).match(/http\S+/)[0];
  const socket = io(url, { auth: { name } });
  await socket.emitWithAck("join", "tea");
  console.log(`${name} is at ${url}`);
  people.push({ chat, socket });
}
const [ann, bob] = people.map((one) => one.socket);
bob.on("said", (who, words) => (console.log(`bob hears ${who}: ${words}`), bob.emit("say", "tea", "fine, thanks")));
const end = new Promise((resolve) => ann.on("said", (who, words) => resolve(console.log(`ann hears ${who}: ${words}`))));
console.log("at tea:", (await ann.emitWithAck("who", "tea")).join(", "));
ann.emit("say", "tea", "how are you?");
await end;
for (const { chat, socket } of people) socket.close(), chat.kill();
