#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL for tests: a new cluster in a temporary folder, on a free port of 127.0.0.1,
with fsync on, gone when the test is.

    pg.py run -- CMD ARG...   runs CMD with FAIRWAY_TEST_PG_URL set to an empty cluster's URL
    pg.py serve               prints "ready URL", then obeys lines on standard input: "stop" (fast),
                              "crash" (immediate), "start", each answered by "done"; ends at its end
    pg.py prefix              prints the folder of PostgreSQL's programs

Exit status 77 means that PostgreSQL is not installed. Python tests import PrivatePostgres."""
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

NOT_INSTALLED = 77
START_DEADLINE_S = 30
START_TRIES = 5


def prefix():
    """The folder of initdb and postgres, the newest version, or None."""
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    if found:
        return os.path.dirname(max(found, key=lambda p: int(p.split("/")[4])))
    on_path = shutil.which("initdb")
    return os.path.dirname(os.path.realpath(on_path)) if on_path else None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class PrivatePostgres:
    def __init__(self, settings=()):
        self.bin = prefix()
        if not self.bin:
            raise FileNotFoundError("PostgreSQL is not installed")
        self.process = None
        self.settings = list(settings)
        self.dir = tempfile.mkdtemp(prefix="fairway-pg-")
        self.as_user = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = pwd.getpwnam("postgres")
            os.chown(self.dir, user.pw_uid, user.pw_gid)
            self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        try:
            self._init()
        except BaseException:
            shutil.rmtree(self.dir, ignore_errors=True)
            raise

    def _init(self):
        subprocess.run(self.as_user + [self.bin + "/initdb", "-D", self.dir + "/data", "-U", "app",
                                       "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"],
                       check=True, stdout=subprocess.DEVNULL, cwd="/")
        for _ in range(START_TRIES):  # another process may take the port first
            self.port = free_port()
            if self.start():
                return
        raise RuntimeError("PostgreSQL did not start; see its messages above")

    @property
    def url(self):
        return f"postgresql://app@127.0.0.1:{self.port}/postgres"

    def start(self):
        args = [self.bin + "/postgres", "-D", self.dir + "/data", "-p", str(self.port),
                "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + self.dir,
                "-c", "max_connections=100", "-c", "log_min_messages=fatal",
                "-c", "logging_collector=off"]
        for setting in self.settings:
            args += ["-c", setting]
        log = open(self.dir + "/log", "ab")
        self.process = subprocess.Popen(self.as_user + args, stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=log, cwd="/", start_new_session=True)
        log.close()
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            ready = subprocess.run([self.bin + "/pg_isready", "-q", "-h", "127.0.0.1", "-p",
                                    str(self.port)], cwd="/")
            if ready.returncode == 0 and self.process.poll() is None:
                return True
            time.sleep(0.02)
        self.stop()
        return False

    def stop(self, how=signal.SIGINT):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait()
        self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


def serve(server):
    print("ready", server.url, flush=True)
    for line in sys.stdin:
        command = line.strip()
        if command == "stop":
            server.stop()
        elif command == "crash":
            server.stop(signal.SIGQUIT)
        elif command == "start":
            server.start()
        print("done", flush=True)
    return 0


def run(server, command):
    return subprocess.run(command, env=dict(os.environ, FAIRWAY_TEST_PG_URL=server.url)).returncode


def main(args):
    if args == ["prefix"] and prefix():
        print(prefix())
        return 0
    if not args or args[0] not in ("serve", "run", "prefix") or (args[0] == "run" and len(args) < 3):
        print(__doc__, file=sys.stderr)
        return 2
    if not prefix():
        print("PostgreSQL is not installed", file=sys.stderr)
        return NOT_INSTALLED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    server = PrivatePostgres()
    try:
        return serve(server) if args[0] == "serve" else run(server, args[2:])
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
