"""A job queue in the style of Sidekiq (Ruby): jobs are JSON in lists; scripts read in them which list they belong to.

Nothing but `schedule` and `retry` can be declared: the names of the lists are in the jobs.
"""

import json
import os
import time
import uuid

import redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")

# Moves due jobs each to the list that it names.
ENQUEUE_DUE = """
local due = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, 100)
for _, text in ipairs(due) do
  local job = cjson.decode(text)
  redis.call('ZREM', KEYS[1], text)
  redis.call('SADD', 'queues', job['queue'])
  redis.call('LPUSH', 'queue:' .. job['queue'], text)
end
return #due
"""

# A job that may be there once has a lock, whose name is a digest of the job.
PUSH_UNIQUE = """
local job = cjson.decode(ARGV[1])
local lock = 'unique:' .. redis.sha1hex(job['class'] .. cjson.encode(job['args']))
if not redis.call('SET', lock, job['jid'], 'NX', 'EX', ARGV[2]) then return redis.call('GET', lock) end
redis.call('SADD', 'queues', job['queue'])
redis.call('LPUSH', 'queue:' .. job['queue'], ARGV[1])
return job['jid']
"""

RELEASE_UNIQUE = """
local job = cjson.decode(ARGV[1])
local lock = 'unique:' .. redis.sha1hex(job['class'] .. cjson.encode(job['args']))
if redis.call('GET', lock) == job['jid'] then return redis.call('DEL', lock) end
return 0
"""

# Removes all jobs of a class from all lists, which it finds in a set.
DELETE_CLASS = """
local removed = 0
for _, queue in ipairs(redis.call('SMEMBERS', 'queues')) do
  for _, text in ipairs(redis.call('LRANGE', 'queue:' .. queue, 0, -1)) do
    if cjson.decode(text)['class'] == ARGV[1] then
      removed = removed + redis.call('LREM', 'queue:' .. queue, 1, text)
    end
  end
end
return removed
"""


class JsonQueue:
    def __init__(self, server):
        self.server = server
        self.scripts = {text: server.register_script(text)
                        for text in (ENQUEUE_DUE, PUSH_UNIQUE, RELEASE_UNIQUE, DELETE_CLASS)}

    @staticmethod
    def job(name, args, queue):
        return {"class": name, "args": args, "queue": queue, "jid": uuid.uuid4().hex[:24], "created_at": time.time()}

    def push(self, name, *args, queue="default"):
        return self.push_many(name, [args], queue)[0]

    def push_many(self, name, list_of_args, queue="default"):
        jobs = [self.job(name, args, queue) for args in list_of_args]
        with self.server.pipeline() as unit:
            unit.sadd("queues", queue)
            unit.lpush(f"queue:{queue}", *map(json.dumps, jobs))
            unit.execute()
        return [job["jid"] for job in jobs]

    def push_in(self, seconds, name, *args, queue="default"):
        job = self.job(name, args, queue)
        self.server.zadd("schedule", {json.dumps(job): time.time() + seconds})
        return job["jid"]

    def push_unique(self, name, *args, queue="default", seconds=60):
        """Replies with the number of the job, which is an older one's if the same is there."""
        return self.scripts[PUSH_UNIQUE](args=[json.dumps(self.job(name, args, queue)), seconds])

    def enqueue_due(self):
        return sum(self.scripts[ENQUEUE_DUE](keys=[where], args=[time.time()]) for where in ("schedule", "retry"))

    def delete_class(self, name):
        return self.scripts[DELETE_CLASS](args=[name])

    def fetch(self, queues=("default",), timeout_s=1):
        """The next job of the first list that has one; `text` is it as it was sent."""
        found = self.server.brpop([f"queue:{queue}" for queue in queues], timeout_s)
        return found and dict(json.loads(found[1]), text=found[1])

    def finish(self, job, failed=None, retry_s=1, tries=3):
        """Counts it, and keeps a failed job for later or, after so many tries, for good."""
        today = time.strftime("%Y-%m-%d")
        with self.server.pipeline() as unit:
            for counter in ["processed"] + ["failed"] * bool(failed):
                unit.incr(f"stat:{counter}")
                unit.incr(f"stat:{counter}:{today}")
            if failed:
                again = {key: value for key, value in job.items() if key != "text"}
                again.update(retry_count=job.get("retry_count", 0) + 1, error=failed)
                where = "retry" if again["retry_count"] < tries else "dead"
                unit.zadd(where, {json.dumps(again): time.time() + retry_s})
            unit.execute()
        self.scripts[RELEASE_UNIQUE](args=[job["text"]])


if __name__ == "__main__":
    queue = JsonQueue(redis.Redis.from_url(URL, decode_responses=True))
    queue.push_many("Resize", [["cat.jpg", width] for width in (200, 400)], queue="pictures")
    queue.push_in(0.5, "Mail", "ana")
    same = {queue.push_unique("Report", "november") for _ in range(3)}
    done = []
    while len(done) < 4:
        queue.enqueue_due()
        job = queue.fetch(("default", "pictures"))
        if job:
            queue.finish(job)
            done.append(f"{job['class']}{tuple(job['args'])}")
    print(f"{len(same)} report; done:", *done)
