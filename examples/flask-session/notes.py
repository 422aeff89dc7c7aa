"""A Flask application whose sessions are in Brasa, so that its processes may come and go."""

import os
from datetime import timedelta

import redis
from flask import Flask, request, session
from flask_session import Session

app = Flask(__name__)
app.config.update(
    SESSION_TYPE="redis",
    SESSION_REDIS=redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")),
    SESSION_KEY_PREFIX="notes:",
    SESSION_PERMANENT=True,
    PERMANENT_SESSION_LIFETIME=timedelta(seconds=int(os.environ.get("LIFETIME_S", "3600"))),
)
Session(app)


@app.get("/notes")
def notes():
    return {"user": session.get("user"), "notes": session.get("notes", []), "process": os.getpid()}


@app.post("/login/<user>")
def login(user):
    # A new number for the session, so that one who knew the old one does not know this.
    app.session_interface.regenerate(session)
    session["user"] = user
    return {}


@app.post("/notes")
def write():
    session["notes"] = session.get("notes", []) + [request.get_data(as_text=True)]
    return {}


@app.post("/logout")
def logout():
    session.clear()
    return {}
