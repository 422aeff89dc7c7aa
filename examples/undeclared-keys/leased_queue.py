"""A job queue in the style of asynq (Go): scripts that make up the keys of tasks from a prefix and what they find.

A task is a hash, `jobs:{queue}:t:ID`. Its number is in one of `pending` and `active` (lists), `scheduled`, `retry` and
`archived` (sorted sets by time). A worker has a lease on what it does; when that ends, another worker gets the task.
"""

import json
import os
import time
import uuid

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")

# Declares the task's key and two lists; all are known before.
ENQUEUE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'message', ARGV[2], 'state', ARGV[3], 'tries', 0)
if ARGV[3] == 'pending' then
  redis.call('LPUSH', KEYS[2], ARGV[1])
else
  redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
end
return 1
"""

# Which task comes next is known only here: its key is not declared.
DEQUEUE = """
if redis.call('EXISTS', KEYS[4]) == 1 then return false end
local id = redis.call('RPOPLPUSH', KEYS[1], KEYS[2])
if not id then return false end
local task = ARGV[1] .. id
redis.call('HSET', task, 'state', 'active')
redis.call('ZADD', KEYS[3], ARGV[2], id)
return {id, redis.call('HGET', task, 'message'), redis.call('HINCRBY', task, 'tries', 1)}
"""

# Only the one who has the lease may end a task.
DONE = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('DEL', ARGV[2] .. ARGV[1])
redis.call('INCR', ARGV[3] .. 'processed')
return 1
"""

FAILED = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return false end
redis.call('ZREM', KEYS[2], ARGV[1])
local task = ARGV[2] .. ARGV[1]
redis.call('HSET', task, 'error', ARGV[4])
redis.call('INCR', ARGV[3] .. 'failed')
local goes = 'retry'
if tonumber(redis.call('HGET', task, 'tries')) >= tonumber(ARGV[5]) then goes = 'archived' end
redis.call('HSET', task, 'state', goes)
redis.call('ZADD', ARGV[3] .. goes, ARGV[6], ARGV[1])
return goes
"""

# Puts what is due, or whose lease has ended, on the list again: up to 100 tasks, no key of which is declared.
FORWARD = """
local moved = 0
for _, from in ipairs({'scheduled', 'retry', 'lease'}) do
  local due = redis.call('ZRANGE', ARGV[1] .. from, '-inf', ARGV[3], 'BYSCORE', 'LIMIT', 0, 100)
  for _, id in ipairs(due) do
    redis.call('ZREM', ARGV[1] .. from, id)
    if from == 'lease' then redis.call('LREM', ARGV[1] .. 'active', 1, id) end
    redis.call('HSET', ARGV[2] .. id, 'state', 'pending')
    redis.call('LPUSH', ARGV[1] .. 'pending', id)
    moved = moved + 1
  end
end
return moved
"""


class LeasedQueue:
    def __init__(self, server, name, lease_s=30, tries=3, retry_s=1):
        self.server, self.prefix = server, f"jobs:{{{name}}}:"
        self.tasks, self.lease_s, self.tries, self.retry_s = f"{self.prefix}t:", lease_s, tries, retry_s
        self.scripts = {text: server.register_script(text) for text in (ENQUEUE, DEQUEUE, DONE, FAILED, FORWARD)}

    def key(self, *names):
        return [self.prefix + name for name in names]

    def enqueue(self, message, task_id=None, delay_s=0):
        """Replies with the task's number, or None if that number is taken."""
        task_id = task_id or uuid.uuid4().hex
        state = "scheduled" if delay_s else "pending"
        added = self.scripts[ENQUEUE](
            keys=[self.tasks + task_id, *self.key("pending", "scheduled")],
            args=[task_id, json.dumps(message), state, time.time() + delay_s])
        return task_id if added else None

    def dequeue(self):
        """Replies with (number, message, how many times it was begun), or None."""
        found = self.scripts[DEQUEUE](keys=self.key("pending", "active", "lease", "paused"),
                                      args=[self.tasks, time.time() + self.lease_s])
        return found and (found[0], json.loads(found[1]), found[2])

    def done(self, task_id):
        """Replies whether the caller still had it."""
        return bool(self.scripts[DONE](keys=self.key("active", "lease"), args=[task_id, self.tasks, self.prefix]))

    def failed(self, task_id, error):
        """Replies with where the task went: `retry` or `archived`."""
        return self.scripts[FAILED](
            keys=self.key("active", "lease"),
            args=[task_id, self.tasks, self.prefix, error, self.tries, time.time() + self.retry_s])

    def forward(self):
        """Replies with how many tasks are pending again or at last. One of the workers calls this each second."""
        return self.scripts[FORWARD](keys=[], args=[self.prefix, self.tasks, time.time()])

    def work(self, handler, until):
        """Does tasks until told to stop."""
        while not until():
            task = self.dequeue()
            if task is None:
                self.forward()
                time.sleep(0.005)
                continue
            try:
                handler(task[1], task[2])
            except Exception as error:
                self.failed(task[0], repr(error))
            else:
                self.done(task[0])


if __name__ == "__main__":
    queue = LeasedQueue(redis.Redis.from_url(URL, decode_responses=True), "mail", retry_s=0.2)
    for address in ("ana", "rui"):
        queue.enqueue({"to": address})
    queue.enqueue({"to": "maria, later"}, delay_s=0.5)
    sent = []

    def send(message, attempt):
        if message["to"] == "rui" and attempt == 1:
            raise ConnectionError("mail server is busy")
        sent.append(f"{message['to']} (attempt {attempt})")

    queue.work(send, until=lambda: len(sent) == 3)
    print("sent to:", ", ".join(sent))
