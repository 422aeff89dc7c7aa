"""Flask's sessions in the server: shared by processes, there after a restart, renewed at login, gone when they end."""

import http.cookiejar
import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import redis

from checks import APP_PORT, URL, Program, between, equal, eventually, listening, true

SITE = f"http://127.0.0.1:{APP_PORT}"
server = redis.Redis.from_url(URL, decode_responses=True)


class Browser:
    def __init__(self):
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, page="notes"):
        with self.opener.open(f"{SITE}/{page}", timeout=120) as reply:
            return json.loads(reply.read())

    def post(self, page, text=""):
        self.opener.open(f"{SITE}/{page}", data=text.encode(), timeout=120).close()

    def key(self):
        return "notes:" + next(cookie.value for cookie in self.cookies if cookie.name == "session")


ana, rui = Browser(), Browser()
with Program("./run.sh") as site:
    listening(f"{SITE}/notes")
    for n in range(10):
        ana.post("notes", f"olá {n}")
    before = ana.key()
    ana.post("login/ana")
    true("login gives the session a new number", ana.key() != before)
    equal("the old one is gone, the new one there", (server.exists(before), server.exists(ana.key())), (0, 1))
    rui.post("notes", "mine")
    equal("ana's session", (ana.get()["user"], ana.get()["notes"]), ("ana", [f"olá {n}" for n in range(10)]))
    equal("rui's session", (rui.get()["user"], rui.get()["notes"]), (None, ["mine"]))
    replies = []
    with ThreadPoolExecutor(8) as threads:
        eventually("both processes answer", lambda: replies.extend(
            threads.map(lambda _: ana.get(), range(16))) or len({reply["process"] for reply in replies}) == 2)
    equal("and see the same", {(reply["user"], len(reply["notes"])) for reply in replies}, {("ana", 10)})
    between("sessions have a TTL, s", server.ttl(ana.key()), 3300, 3600)
    equal("the application stops in order", site.stop(), 0)

with Program("./run.sh", LIFETIME_S="2") as site:
    listening(f"{SITE}/notes")
    equal("the session is there after a restart", (ana.get()["user"], len(ana.get()["notes"])), ("ana", 10))
    key = rui.key()
    equal("so is the other", server.exists(key), 1)
    rui.post("logout")
    equal("nothing is left after logout", server.exists(key), 0)
    equal("and nothing known", rui.get()["notes"], [])
    maria = Browser()
    maria.post("login/maria")
    key = maria.key()
    true("a session that lives for two seconds is there", server.ttl(key) <= 2)
    eventually("and ends", lambda: server.exists(key) == 0)
    equal("its visitor is a stranger again", maria.get()["user"], None)
