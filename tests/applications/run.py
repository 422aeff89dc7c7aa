"""Runs the applications under examples/ against Brasa and against valkey-server.

    BRASA_BIN=target/ci/brasa VALKEY_SERVER=... python3 run.py [NAME...] [--server brasa|valkey] [--jobs N] [--verbose]
    python3 run.py --setup

Each folder examples/NAME with a test.py or test.mjs is run once per server, with a new server each time, in a copy of
its folder where checks.py and checks.mjs of this folder lie beside it. What its requirements.txt or package.json asks
for is installed once, into the user's cache, by pip and npm as they are configured: a mirror or a proxy is theirs to know.
Where that fails, the examples concerned fail with its reason, and the others run. The test finds in its environment:

    REDIS_URL       redis://127.0.0.1:PORT/0 of the server
    REDIS_URLS      the same of all servers, with commas; several if the test has a line with `servers: 3`
    SERVER          brasa or valkey
    APP_PORT        a free port for the application itself

A test passes if it ends with code 0, printed at least one line that begins with `ok `, one per thing it checked, and
the servers are alive afterwards. Whatever it started and left is killed. Ends with code 1 if anything failed.
"""

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent.parent / "examples"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "brasa" / "applications"
TIMEOUT_S = 400
# The oldest Node.js that the examples say they run on.
NODE = (18, 19)


class Ports:
    """Free ports, each given once: from TESTKIT_PORTS (as 21400-21599), or any."""

    def __init__(self):
        self.lock, self.given = threading.Lock(), set()
        first, _, last = os.environ.get("TESTKIT_PORTS", "").partition("-")
        self.range = range(int(first), int(last) + 1) if last else None

    def take(self):
        with self.lock:
            for port in self.range or (0 for _ in range(1000)):
                with socket.socket() as probe:
                    try:
                        probe.bind(("127.0.0.1", port))
                    except OSError:
                        continue
                    port = probe.getsockname()[1]
                if port not in self.given:
                    self.given.add(port)
                    return port
        raise RuntimeError("no free port")


PORTS = Ports()


class Server:
    """A new server with nothing in it."""

    def __init__(self, kind, folder, options=()):
        binary = os.environ["BRASA_BIN" if kind == "brasa" else "VALKEY_SERVER"]
        words = [] if Path(binary).name.endswith("-server") else ["node"]
        self.port = PORTS.take()
        self.log = folder / f"server-{self.port}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [binary, *words, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                 *options],
                cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError(f"{binary} did not start:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.02)

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as peer:
                peer.sendall(b"PING\r\n")
                return peer.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    def stop(self):
        """Stops the server; replies with what is wrong, if anything."""
        ended = self.process.poll()
        alive = ended is None and self.answers()
        if ended is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if alive or ended == 0:  # 0: the test itself shut it down.
            return None
        return f"the server on port {self.port} is gone or silent:\n{self.log.read_text(errors='replace')[-4000:]}"


def test_of(folder):
    return next((folder / name for name in ("test.py", "test.mjs") if (folder / name).exists()), None)


def examples(names):
    found = sorted(folder for folder in EXAMPLES.iterdir() if test_of(folder))
    unknown = set(names) - {folder.name for folder in found}
    if unknown:
        sys.exit(f"run.py: no example {', '.join(sorted(unknown))}; there are {', '.join(f.name for f in found)}")
    return [folder for folder in found if not names or folder.name in names]


def digest(files):
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in sorted(files))).hexdigest()[:16]


def python_folder():
    """One environment for all examples, which therefore pin the same versions; another set of versions is another one."""
    return CACHE / f"python-{digest(EXAMPLES.glob('*/requirements.txt'))}"


def node_folder(folder):
    """The folder of an example's packages, or None."""
    files = [folder / name for name in ("package.json", "package-lock.json") if (folder / name).exists()]
    return CACHE / f"node-{folder.name}-{digest(files)}" if files else None


def install(folder, steps):
    """Runs the steps in a new folder, once; replies with what went wrong, if anything."""
    done = folder / "ready"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        # Another run, of another work tree perhaps, may be at it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists():
            return None
        print(f"installing {folder.name}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for step in steps:
            step = [str(word) for word in step]
            try:
                ended = subprocess.run(step, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True, errors="replace")
            except FileNotFoundError:
                return f"{step[0]} is missing on this machine"
            if ended.returncode:
                return f"`{' '.join(step)}` ended with code {ended.returncode}:\n{ended.stdout[-3000:].rstrip()}"
        done.touch()
    return None


def node_problem():
    try:
        text = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    except FileNotFoundError:
        return "Node.js is missing on this machine: install nodejs and npm"
    version = tuple(int(number) for number in re.findall(r"\d+", text)[:2])
    return None if version >= NODE else f"Node.js {'.'.join(map(str, NODE))} or newer is needed, this is {text.strip()}"


def setup(folders):
    """Installs what the examples need; replies with the problems of those for which that was not possible."""
    problems = {}
    python, users = python_folder(), [folder for folder in folders if test_of(folder).suffix == ".py"]
    if users:
        pip = [python / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
        problem = install(python, [
            [sys.executable, "-m", "venv", python],
            pip + [word for file in sorted(EXAMPLES.glob("*/requirements.txt")) for word in ("-r", file)],
        ])
        problems.update({folder.name: problem for folder in users if problem})
    users = [folder for folder in folders if test_of(folder).suffix == ".mjs"]
    problem = node_problem() if users else None
    problems.update({folder.name: problem for folder in users if problem})

    def install_node(folder):
        target, locked = node_folder(folder), folder / "package-lock.json"
        return folder.name, target and install(target, [
            ["cp", *(file for file in (folder / "package.json", locked) if file.exists()), target],
            ["npm", "ci" if locked.exists() else "install", "--loglevel=error", "--no-audit", "--no-fund"],
        ])

    with ThreadPoolExecutor(4) as pool:
        found = pool.map(install_node, [folder for folder in users if folder.name not in problems])
        problems.update({name: problem for name, problem in found if problem})
    return problems


def needs_servers(test):
    found = re.search(r"servers: (\d+)", test.read_text())
    return int(found[1]) if found else 1


def run(folder, kind):
    """Runs one example against one kind of server; replies with what it printed and whether it passed."""
    work = Path(tempfile.mkdtemp(prefix=f"application-{folder.name}-"))
    stage, problems, servers, output = work / "stage", [], [], ""
    try:
        shutil.copytree(folder, stage, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
        for helper in HERE.glob("checks.*"):
            shutil.copy(helper, stage)
        test = test_of(stage)
        servers = [Server(kind, work) for _ in range(needs_servers(test))]
        urls = [f"redis://127.0.0.1:{server.port}/0" for server in servers]
        if test.suffix == ".py":
            command = [python_folder() / "bin" / "python", "-u", test]
        else:
            command = ["node", test]
            if node_folder(folder):
                (stage / "node_modules").symlink_to(node_folder(folder) / "node_modules")
        environment = dict(
            os.environ, REDIS_URL=urls[0], REDIS_URLS=",".join(urls), SERVER=kind, APP_PORT=str(PORTS.take()),
            PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1", NO_COLOR="1",
            PATH=f"{python_folder() / 'bin'}{os.pathsep}{os.environ['PATH']}")
        with (work / "output").open("wb") as sink:
            process = subprocess.Popen(command, cwd=stage, env=environment, stdin=subprocess.DEVNULL,
                                       stdout=sink, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                code = process.wait(TIMEOUT_S)
                if code:
                    problems.append(f"the test ended with code {code}")
            except subprocess.TimeoutExpired:
                problems.append(f"the test did not end within {TIMEOUT_S} s")
            finally:
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                process.wait()
        output = (work / "output").read_text(errors="replace")
        if not re.search(r"^ok ", output, re.M):
            problems.append("the test checked nothing")
    except (OSError, RuntimeError) as error:
        problems.append(str(error))
    finally:
        problems += filter(None, [server.stop() for server in servers])
        shutil.rmtree(work, ignore_errors=True)
    return output, problems


def main():
    parser = argparse.ArgumentParser(description="applications under examples/ against both servers")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--server", choices=["brasa", "valkey"], action="append")
    parser.add_argument("--jobs", type=int, default=6, help="how many at a time (default: 6; most of them wait)")
    parser.add_argument("--verbose", action="store_true", help="show what each test printed")
    parser.add_argument("--setup", action="store_true", help="only install what the examples need")
    options = parser.parse_args()
    folders = examples(options.names)
    missing = setup(folders)
    for problem in set(missing.values()):
        names = ", ".join(sorted(name for name in missing if missing[name] == problem))
        print(f"cannot install what is needed by {names}: {problem}", file=sys.stderr, flush=True)
    if options.setup:
        return 1 if missing else 0
    for name in ("BRASA_BIN", "VALKEY_SERVER"):
        if name.split("_")[0].lower() in (options.server or ["brasa", "valkey"]) and not os.access(os.environ.get(name, ""), os.X_OK):
            sys.exit(f"run.py: {name} must name the program to run")
    kinds = options.server or ["brasa", "valkey"]
    # The longest of the last time first, so that no long one is left for the end.
    history = CACHE / "durations.json"
    try:
        took = json.loads(history.read_text())
    except (OSError, ValueError):
        took = {}
    tasks = [(folder, kind) for folder in folders for kind in kinds]
    tasks.sort(key=lambda task: -took.get(task[0].name, 60))
    passed = failed = 0
    printing = threading.Lock()

    def one(task):
        nonlocal passed, failed
        folder, kind = task
        began = time.monotonic()
        output, problems = ("", ["what it needs is not installed, see above"]) if folder.name in missing else run(folder, kind)
        seconds = time.monotonic() - began
        with printing:
            count = len(re.findall(r"^ok ", output, re.M))
            word = "FAILED" if problems else "ok"
            print(f"{word:6}  {folder.name:24} {kind:7} {count:3} checks {seconds:6.1f} s", flush=True)
            if problems or options.verbose:
                lines = output.rstrip().splitlines()
                if len(lines) > 80 and not options.verbose:
                    lines = ["..."] + lines[-80:]
                print("\n".join(["", *lines, *problems, ""]), flush=True)
            failed, passed = failed + bool(problems), passed + (not problems)
            if folder.name not in missing:
                took[folder.name] = round(seconds, 1)

    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(one, tasks))
    fresh = history.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(took))
    fresh.replace(history)
    print(f"applications: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
