"""Django's cache and sessions with both backends: shared by processes, there after a restart, gone when they expire."""

import http.cookiejar
import json
import os
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import redis

from checks import APP_PORT, URL, Program, between, equal, eventually, listening

SITE = f"http://127.0.0.1:{APP_PORT}"
server = redis.Redis.from_url(URL, decode_responses=True)


class Browser:
    def __init__(self):
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, page):
        with self.opener.open(f"{SITE}/{page}", timeout=120) as reply:
            return json.loads(reply.read())

    def session_key(self):
        number = next(cookie.value for cookie in self.cookies if cookie.name == "sessionid")
        return next(server.scan_iter(f"*sessions.cache{number}"))


for backend in ("django", "django-redis"):
    server.flushall()
    ana, rui = Browser(), Browser()

    with Program("./run.sh", CACHE_BACKEND=backend) as site:
        listening(f"{SITE}/basket")
        for product in range(20):
            ana.get(f"basket?add={product}")
        equal(f"{backend}: a basket filled through two processes", ana.get("basket")["basket"], [str(n) for n in range(20)])
        with ThreadPoolExecutor(8) as threads:
            replies = []
            eventually(f"{backend}: both processes answer", lambda: replies.extend(
                threads.map(lambda _: ana.get("basket"), range(16))) or len({reply["process"] for reply in replies}) == 2)
        equal(f"{backend}: and see the same", {len(reply["basket"]) for reply in replies}, {20})
        equal(f"{backend}: another visitor has a basket of his own", rui.get("basket?add=tea")["basket"], ["tea"])
        between(f"{backend}: sessions have a TTL, s", server.ttl(ana.session_key()), 3300, 3600)
        equal(f"{backend}: one query for ten requests", [ana.get("price/7")["asked"] for _ in range(10)], [1] * 10)
        eventually(f"{backend}: a second one when the price expired", lambda: ana.get("price/7")["asked"] == 2)
        equal(f"{backend}: the site stops in order", site.stop(), 0)

    with Program("./run.sh", CACHE_BACKEND=backend) as site:
        listening(f"{SITE}/basket")
        equal(f"{backend}: the basket is there after a restart", ana.get("basket?add=milk")["basket"][-2:], ["19", "milk"])
        key = rui.session_key()
        rui.get("leave")
        equal(f"{backend}: a visitor who leaves leaves nothing", (server.exists(key), rui.get("basket")["basket"]), (0, []))

    subprocess.run([sys.executable, "test_cache.py"], env=dict(os.environ, CACHE_BACKEND=backend), check=True, timeout=180)
