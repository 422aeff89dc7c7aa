// How often one may call. The counts are in the server, so they hold over all processes.

import { Redis } from "ioredis";
import { BurstyRateLimiter, RateLimiterMemory, RateLimiterRedis } from "rate-limiter-flexible";

export const redis = new Redis(process.env.REDIS_URL ?? "redis://127.0.0.1:6379/0", {
  enableOfflineQueue: false, maxRetriesPerRequest: 0, // Without its server a limit falls back at once.
});
redis.on("error", () => {}); // The limits below have their answer to it.

const limit = (keyPrefix, options) => new RateLimiterRedis({ storeClient: redis, keyPrefix, ...options });

// 20 searches a minute. Should the server fail, each process allows 5.
export const search = limit("search", {
  points: 20, duration: 60, insuranceLimiter: new RateLimiterMemory({ points: 5, duration: 60 }),
});

// Who is wrong five times within a minute waits for three seconds.
export const login = limit("login", { points: 4, duration: 60, blockDuration: 3 });

// Two exports a second, and five more every ten seconds for who is in a hurry.
export const exports_ = new BurstyRateLimiter(
  limit("export", { points: 2, duration: 1 }),
  limit("export-burst", { points: 5, duration: 10 }),
);

// A hundred kilobytes a minute, whatever the number of calls.
export const traffic = limit("traffic", { points: 100_000, duration: 60 });
