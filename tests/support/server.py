# SPDX-License-Identifier: Apache-2.0
"""The real program for tests: a Fairway of one's own, on a free port of 127.0.0.1, with its data in a
temporary folder, on SQLite or PostgreSQL, ended by its pid.

    with FairwayServer() as server:
        answer = server.api.get("/api/organizations", query={"limit": 2})
        assert answer.status == 200, answer
        server.kill()          # SIGKILL, as a crash
        server.start()         # again, same data, same port

Stopping checks that the program ended by itself, with status 0 and without a report of a sanitizer."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from support.api import Api

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_DEADLINE_S = float(os.environ.get("FAIRWAY_START_DEADLINE", "60"))
STOP_DEADLINE_S = 60
READY_LINE = re.compile(rb"^Fairway is ready at (https?://\S+)$", re.M)
SANITIZER = re.compile(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error: ")


def shared():
    """The folder of test material that is not part of the repository; may be absent."""
    return pathlib.Path(os.environ.get("FAIRWAY_SHARED", ROOT.parent / "shared"))


def binary():
    """The program under test: FAIRWAY_BINARY, or the newest that is built. None when there is none."""
    named = os.environ.get("FAIRWAY_BINARY")
    if named:
        return pathlib.Path(named)
    built = [ROOT / "build" / preset / "fairway" for preset in ("asan", "dev", "release")]
    built = [path for path in built if path.exists()]
    return max(built, key=lambda path: path.stat().st_mtime) if built else None


class FairwayServer:
    """args: further arguments of `fairway serve`; env: further environment; config: the text of a
    configuration file; auth: the --auth mode, None to leave it out; dir: a folder for data and files
    that the caller owns (else a temporary one that goes with the server); tls: the ssl.SSLContext to
    speak to it with."""

    def __init__(self, database_url=None, args=(), env=None, config=None, auth="open", dir=None, tls=None):
        self.binary = binary()
        if not self.binary:
            raise FileNotFoundError("no program to test: make dev, or set FAIRWAY_BINARY")
        self._own_dir = dir is None
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="fairway-test-") if dir is None else dir)
        self.data = self.dir / "data"
        self.stdout_path = self.dir / "stdout"
        self.log_path = self.dir / "log"
        self.database_url = database_url
        self.args = list(args)
        self.env = dict(env or {})
        self.auth = auth
        self.tls = tls
        self.config_path = None
        if config is not None:
            self.config_path = self.dir / "fairway.yaml"
            self.config_path.write_text(config)
        self.process = None
        self.port = 0
        self.url = None
        self.api = None

    def environment(self):
        """A clean one: nothing of the caller's may configure the program."""
        env = {k: v for k, v in os.environ.items()
               if not k.startswith("FAIRWAY_") and k not in ("DATABASE_URL", "PORT", "LOG_LEVEL", "LOG_FORMAT")}
        env.setdefault("ASAN_OPTIONS", "detect_leaks=1")
        env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        if self.database_url:
            env["FAIRWAY_DATABASE_URL"] = self.database_url
        env.update(self.env)
        return env

    def command(self):
        command = [str(self.binary), "serve", "--data", str(self.data), "--host", "127.0.0.1",
                   "--port", str(self.port)]
        if self.auth:
            command += ["--auth", self.auth]
        if self.config_path:
            command += ["--config", str(self.config_path)]
        return command + self.args

    def spawn(self):
        """Starts the program and does not wait."""
        with open(self.stdout_path, "wb") as out, open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=log,
                                            env=self.environment(), cwd=self.dir)

    def start(self):
        """Starts the program and waits until it is ready. A second start takes the same port again."""
        self.spawn()
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode} at its start:\n{self.log()}")
            found = READY_LINE.search(self.stdout_path.read_bytes())
            if found:
                self.url = found.group(1).decode()
                self.port = int(self.url.rsplit(":", 1)[1])
                self.api = Api(self.url, tls=self.tls)
                if self._is_ready():
                    return self
            time.sleep(0.005)
        log = self.log()
        self.kill()
        raise RuntimeError(f"the server was not ready after {START_DEADLINE_S} s:\n{log}")

    def _is_ready(self):
        try:
            return self.api.get("/api/ready").status == 200
        except OSError:
            return False

    def log(self):
        """What the program wrote to standard error, in all its runs."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, deadline_s=STOP_DEADLINE_S):
        """The exit status; a server that does not end is killed and that is an error."""
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not end within {deadline_s} s:\n{self.log()}") from None

    def stop(self):
        """SIGTERM; checks that it ends cleanly. Harmless when it does not run."""
        if not self.process:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        status = self.wait()
        self.process = None
        log = self.log()
        assert status == 0, f"the server ended with status {status}:\n{log[-8000:]}"
        assert not SANITIZER.search(log), log[-8000:]

    def kill(self):
        """SIGKILL, as a crash; data stays."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def cli(self, *args, input=None, env=None, timeout=60):
        """Runs the program as a command against this server; gives the CompletedProcess (text)."""
        return run_cli(*args, url=self.url, input=input, env=env, timeout=timeout, cwd=self.dir)

    def close(self):
        try:
            self.stop()
        finally:
            self.kill()
            if self._own_dir:
                shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.kill()
            shutil.rmtree(self.dir, ignore_errors=True) if self._own_dir else None
            raise

    def __exit__(self, *_):
        self.close()


def run_cli(*args, url=None, input=None, env=None, timeout=60, cwd=None):
    """Runs `fairway ARGS…`. url: FAIRWAY_URL of the command."""
    full = {k: v for k, v in os.environ.items() if not k.startswith("FAIRWAY_")}
    full.update({"NO_COLOR": "1", "COLUMNS": "120"})
    if url:
        full["FAIRWAY_URL"] = url
    full.update(env or {})
    done = subprocess.run([str(binary()), *map(str, args)], input=input, env=full, cwd=cwd, timeout=timeout,
                          capture_output=True, text=True)
    assert not SANITIZER.search(done.stderr), done.stderr[-8000:]
    return done
