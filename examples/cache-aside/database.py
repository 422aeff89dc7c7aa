"""PostgreSQL for the example: the one of DATABASE_URL, or one of our own in a temporary folder while the program runs."""

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

import psycopg

SCHEMA = """
DROP TABLE IF EXISTS sales, products;
CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, cents int NOT NULL);
CREATE TABLE sales (product int NOT NULL, amount int NOT NULL);
INSERT INTO products SELECT n, 'product ' || n, n * 100 FROM generate_series(0, 99) n;
INSERT INTO sales SELECT n % 100, n % 7 FROM generate_series(1, 100000) n;
ANALYZE;
"""
# What a page shows. Reads all sales, as reports do.
PAGE = """
SELECT p.name, p.cents, sum(s.amount) FROM products p JOIN sales s ON s.product = p.id WHERE p.id = %s GROUP BY p.id
"""


def program(name):
    found = shutil.which(name) or max(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), default=None)
    if not found:
        raise SystemExit(f"{name} is missing: install PostgreSQL (Debian: apt-get install postgresql) or set DATABASE_URL")
    return found


@contextlib.contextmanager
def started():
    """Yields the URL of a database with the example's tables."""
    url = os.environ.get("DATABASE_URL")
    if url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(SCHEMA)
        yield url
        return
    folder = tempfile.mkdtemp(prefix="cache-aside-")
    # PostgreSQL does not run as root.
    someone_else = {}
    if os.getuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
        someone_else = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "cwd": folder, **someone_else}
    data = os.path.join(folder, "data")
    server = None
    try:
        subprocess.run([program("initdb"), "-D", data, "-A", "trust", "-U", "shop", "-E", "UTF8", "--locale=C", "--no-sync"],
                       check=True, **quiet)
        with open(os.path.join(folder, "log"), "wb") as log:
            server = subprocess.Popen(
                [program("postgres"), "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off",
                 "-c", "max_connections=60", "-c", "shared_buffers=32MB", "-c", "max_parallel_workers_per_gather=0"],
                stderr=log, **quiet)
        url = f"postgresql://shop@/postgres?host={folder}"
        deadline = time.monotonic() + 30
        while True:
            try:
                with psycopg.connect(url, autocommit=True) as connection:
                    connection.execute(SCHEMA)
                break
            except psycopg.OperationalError:
                if server.poll() is not None or time.monotonic() > deadline:
                    with open(os.path.join(folder, "log")) as log:
                        raise SystemExit(f"PostgreSQL did not start:\n{log.read()}") from None
                time.sleep(0.05)
        yield url
    finally:
        if server:
            # Does not wait for clients, as SIGTERM would.
            server.send_signal(signal.SIGINT)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
        shutil.rmtree(folder, ignore_errors=True)


class Load:
    """What the database did meanwhile, as it counts itself: rows of sales that it read, and ms that it was busy."""

    def __init__(self, url):
        self.url, self.before = url, None

    def _now(self):
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(
                "SELECT (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'sales'), active_time"
                " FROM pg_stat_database WHERE datname = current_database()").fetchone()

    def __enter__(self):
        self.before = self._now()
        return self

    def __exit__(self, *_):
        # Sessions report when they end, which the caller's have by now; give the last one a moment.
        time.sleep(0.2)
        rows, busy_ms = self._now()
        self.rows, self.busy_ms = rows - self.before[0], busy_ms - self.before[1]
