"""What the tests of the examples share. The runner lays it beside each of them."""

import os
import signal
import subprocess
import sys
import time
import urllib.request

URL = os.environ["REDIS_URL"]
APP_PORT = int(os.environ["APP_PORT"])


def ok(what):
    """Says that something was checked; the runner counts these lines."""
    print(f"ok {what}", flush=True)


def equal(what, found, expected):
    assert found == expected, f"{what}: expected {expected!r}, found {found!r}"
    ok(what)


def true(what, condition, found=None):
    assert condition, f"{what}: {found!r}" if found is not None else what
    ok(what)


def between(what, found, low, high):
    assert low <= found <= high, f"{what}: expected {low} to {high}, found {found!r}"
    ok(f"{what} ({found:.4g})")


def raises(what, error, call, *args, **kwargs):
    try:
        reply = call(*args, **kwargs)
    except error as raised:
        ok(what)
        return raised
    raise AssertionError(f"{what}: expected {error.__name__}, found {reply!r}")


def eventually(what, probe, seconds=120):
    """Waits until the probe replies with something true; replies with that."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            ok(what)
            return found
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s, last {found!r}"
        time.sleep(0.02)


class Program:
    """A program of the application, in the background. Its output is the test's."""

    def __init__(self, *command, **environment):
        if command[0].endswith(".py"):
            command = (sys.executable, *command)
        self.process = subprocess.Popen(command, env=dict(os.environ, **environment), stdin=subprocess.DEVNULL)

    def stop(self, with_signal=signal.SIGTERM, seconds=60):
        """Ends it in order, or at once with SIGKILL; replies with its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        return self.process.wait(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def listening(url, seconds=60):
    """Waits until a web server answers at the URL, whatever it says."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(url, timeout=5).read()
        except urllib.error.HTTPError:
            return None
        except OSError:
            assert time.monotonic() < deadline, f"nothing answers at {url}"
            time.sleep(0.05)
