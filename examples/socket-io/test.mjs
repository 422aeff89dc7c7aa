// Socket.IO over two processes, on each of its three adapters: who must hear it hears it once and in order, nobody else.

import { execFileSync } from "node:child_process";
import { createClient } from "redis";
import { io } from "socket.io-client";
import { check, equal, eventually, Program, until, URL } from "./checks.mjs";

const redis = await createClient({ url: URL }).connect();
const range = (count) => Array.from({ length: count }, (_, n) => n);
const url = (program) => program.output.match(/ready (\S+)/)[1];

class Person {
  static async at(chat, name, options = {}) {
    const person = Object.assign(new Person(), { name, heard: [] });
    person.socket = io(url(chat), { auth: { name }, transports: ["websocket"], reconnectionDelay: 100, ...options });
    person.socket.on("said", (who, words) => person.heard.push(Buffer.isBuffer(words) ? words : `${who}: ${words}`));
    person.socket.on("question", (question, answer) => answer(`${name} on ${question}`));
    await until(`${name} is connected`, () => person.socket.connected);
    return person;
  }
  join(room) {
    return this.socket.emitWithAck("join", room);
  }
  /** Asks until there is an answer: a process may be too busy for one in time. */
  async ask(...words) {
    for (let attempts = 1; ; attempts++) {
      const answer = await this.socket.timeout(60_000).emitWithAck(...words);
      if (!answer.error) return answer;
      if (attempts === 12) throw new Error(answer.error);
    }
  }
  who(room) {
    return this.ask("who", room);
  }
}

async function test(kind) {
  const say = (what) => `${kind}: ${what}`;
  const chats = await Promise.all([1, 2].map(() => Program.start("chat.mjs", kind, { APP_PORT: "0" })));
  const names = ["a1", "a2", "a3", "b1", "b2", "b3"];
  const people = await Promise.all(names.map((name) => Person.at(chats[name[0] === "a" ? 0 : 1], name)));
  const [a1, a2, a3, b1, b2, b3] = people;
  const heard = () => people.map((person) => person.heard.splice(0));

  // The processes find each other first; then nothing below needs patience.
  await eventually(say("the processes know each other"),
    async () => (await a1.ask("processes")).length === 2 && (await b1.who()).length === 6);
  await Promise.all([a1.join("tea"), b1.join("tea"), b2.join("tea"), a2.join("coffee"), b3.join("coffee")]);
  equal(say("who is there, over both"), await a3.who(), names);
  equal(say("and in a room"), [await b3.who("tea"), await b3.who("coffee"), await a1.who("nowhere")], [["a1", "b1", "b2"], ["a2", "b3"], []]);

  // To a room, to all, to one. The last message of each is a mark: what was to come has come when it is heard.
  const mark = async () => {
    await Promise.all(people.map((person) => person.who("nowhere"))); // What they said is on its way.
    a1.socket.emit("announce", "mark"), b1.socket.emit("announce", "mark");
    await until("both marks", () => people.every((person) => person.heard.filter((line) => String(line).endsWith(": mark")).length === 2));
    return heard().map((lines) => lines.filter((line) => !String(line).endsWith(": mark")));
  };
  a1.socket.emit("say", "tea", "milk?");
  b3.socket.emit("say", "coffee", "black");
  equal(say("a room hears it, the speaker and others do not"), await mark(), [[], ["b3: black"], [], ["a1: milk?"], ["a1: milk?"], []]);
  b2.socket.emit("announce", "lunch", ["coffee"]);
  equal(say("all but a room"), await mark(), [["b2: lunch"], [], ["b2: lunch"], ["b2: lunch"], ["b2: lunch"], []]);
  a3.socket.emit("whisper", b3.socket.id, "psst");
  equal(say("one on the other process"), await mark(), [[], [], [], [], [], ["a3: psst"]]);
  for (const n of range(300)) a1.socket.emit("say", "tea", n);
  const many = await mark();
  equal(say("300 messages, in order, once"), [many[3], many[4]], [range(300).map((n) => `a1: ${n}`), range(300).map((n) => `a1: ${n}`)]);
  const bytes = Buffer.from(range(256));
  b1.socket.emit("say", "tea", bytes);
  equal(say("bytes stay what they are"), (await mark())[0], [bytes]);

  // Questions to everyone.
  equal(say("everyone answers"), (await b3.ask("poll", "tea")).sort(), names.map((name) => `${name} on tea`));
  equal(say("processes answer each other"), await a1.ask("processes"), chats.map((chat) => chat.child.pid).sort());

  // Moved, shown the door.
  a1.socket.emit("move", "coffee", "tea");
  await eventually(say("a room's people are moved, on both"), async () => (await a1.who("tea")).length === 5);
  const gone = [a2, b3].map((person) => new Promise((resolve) => person.socket.once("disconnect", resolve)));
  a1.socket.emit("expel", "coffee");
  equal(say("or expelled"), await Promise.all(gone), ["io server disconnect", "io server disconnect"]);
  await eventually(say("and are gone"), async () => (await b1.who()).length === 4);

  if (kind === "pubsub") {
    execFileSync(process.execPath, ["news.mjs", "rain", "tomorrow"]);
    await eventually(say("a program from outside is heard"), () => [a1, a3, b1, b2].every((person) => person.heard.includes("news: rain tomorrow")));
  }
  if (kind === "sharded") {
    const channels = await redis.pubSubShardChannels("socket.io#/#*");
    check(say("a room has a channel of its own"), channels.includes("socket.io#/#tea#"), channels);
  }
  if (kind === "streams") {
    check(say("messages are in the stream"), (await redis.xLen("chat")) > 300);
    // Away for a while, then at the other process: it is told what it missed.
    const { id } = b2.socket;
    b2.heard.length = 0;
    a1.socket.emit("say", "tea", "before");
    await until("it hears", () => b2.heard.length === 1);
    b2.socket.io.uri = url(chats[0]);
    b2.socket.io.reconnectionDelay(500);
    b2.socket.io.engine.close();
    await until("it is away", () => !b2.socket.connected);
    for (const n of range(5)) a1.socket.emit("say", "tea", n);
    await until("it is back", () => b2.socket.connected);
    await eventually(say("who was away is told what it missed"), () => b2.heard.length >= 6);
    equal(say("in order"), b2.heard, ["a1: before", ...range(5).map((n) => `a1: ${n}`)]);
    equal(say("under its old name, at another process"), [b2.socket.recovered, b2.socket.id], [true, id]);
    await b2.socket.close();
    b2.socket.io.uri = url(chats[1]);
  }

  // A process dies; the other goes on without it.
  await chats[0].stop("SIGKILL");
  const left = kind === "streams" ? ["b1"] : ["b1", "b2"];
  await eventually(say("a dead process is not waited for"), async () => String(await b1.who()) === String(left));
  const answers = await b1.ask("poll", "rest");
  equal(say("nor asked"), answers.sort(), left.map((name) => `${name} on rest`));
  for (const person of people) person.socket.close();
  await chats[1].stop();
  await eventually(say("nobody is subscribed any more"), async () =>
    (await redis.pubSubChannels()).length === 0 && (await redis.pubSubShardChannels()).length === 0 && (await redis.pubSubNumPat()) === 0);
}

for (const kind of ["pubsub", "sharded", "streams"]) await test(kind);
for (const kind of ["pubsub", "streams"]) {
  const shown = execFileSync("./run.sh", [kind], { encoding: "utf8", timeout: 180_000 });
  check(`run.sh ${kind} shows a talk`, /at tea: ann, bob\nbob hears ann: how are you\?\nann hears bob: fine, thanks/.test(shown), shown);
}
process.exit(0);
