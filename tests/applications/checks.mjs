// What the tests of the Node.js examples share. The runner lays it beside each of them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

export { sleep };

export const URL = process.env.REDIS_URL;
export const APP_PORT = Number(process.env.APP_PORT);

// Says that something was checked; the runner counts these lines.
export function ok(what) {
  console.log(`ok ${what}`);
}

export function equal(what, found, expected) {
  assert.deepEqual(found, expected, `${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`);
  ok(what);
}

export function check(what, condition, found) {
  assert.ok(condition, found === undefined ? what : `${what}: found ${JSON.stringify(found)}`);
  ok(what);
}

export function between(what, found, low, high) {
  assert.ok(found >= low && found <= high, `${what}: expected ${low} to ${high}, found ${found}`);
  ok(`${what} (${found})`);
}

export async function rejects(what, promise, pattern) {
  await assert.rejects(promise, pattern, what);
  ok(what);
}

// Waits until the probe replies with something true; replies with that.
export async function until(what, probe, seconds = 120) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    assert.ok(Date.now() < deadline, `${what}: not within ${seconds} s, last ${JSON.stringify(found)}`);
    await sleep(20);
  }
}

// The same, as a check.
export async function eventually(what, probe, seconds) {
  const found = await until(what, probe, seconds);
  ok(what);
  return found;
}

const programs = new Set();
process.on("exit", () => programs.forEach((child) => child.kill("SIGKILL")));

// A program of the application, in a process of its own. It is ready when it prints a line that begins with `ready`.
export class Program {
  static async start(file, ...args) {
    const last = typeof args.at(-1) === "object" ? args.pop() : {};
    const program = new Program();
    program.output = "";
    program.child = spawn(process.execPath, [file, ...args], {
      env: { ...process.env, ...last }, stdio: ["ignore", "pipe", "inherit"],
    });
    programs.add(program.child);
    program.ended = once(program.child, "exit");
    program.child.stdout.on("data", (data) => (program.output += data));
    await until(`${file} becomes ready`, () => {
      assert.equal(program.child.exitCode, null, `${file} ended: ${program.output}`);
      return /^ready/m.test(program.output);
    });
    return program;
  }

  // Ends it in order, or at once with SIGKILL; replies with its exit code.
  async stop(signal = "SIGTERM") {
    this.child.kill(signal);
    const [code] = await this.ended;
    programs.delete(this.child);
    return code;
  }
}
