# SPDX-License-Identifier: Apache-2.0
"""Processes under measurement: CPU time, memory, load by wrk; a static nginx to compare with."""
import json
import os
import pathlib
import re
import subprocess
import tempfile

from support import pg, wait

HERE = pathlib.Path(__file__).parent
TICK = os.sysconf("SC_CLK_TCK")


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_seconds(*pids):
    """User and system time of all threads of these processes."""
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICK


def rss_mib(pid):
    return int(re.search(r"^VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M).group(1)) / 1024


class Load:
    """Rate, latency and CPU per request of one run of wrk against a server."""

    def __init__(self, url, pids, mode, seconds, connections=16, components=7000, run="0", headers=None):
        before = cpu_seconds(*pids)
        env = dict(os.environ, MODE=mode, COMPONENTS=str(components), RUN=run, **(headers or {}))
        done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(HERE / "load.lua"), url],
                              env=env, check=True, capture_output=True, text=True)
        result = json.loads(re.search(r"^RESULT (.*)$", done.stdout, re.M).group(1))
        if result["failed"] or not result["requests"]:
            raise RuntimeError(f"{mode}: {result['failed']} of {result['requests']} requests failed")
        self.rate = result["requests"] / result["seconds"]
        self.p50_ms, self.p99_ms = result["p50_ms"], result["p99_ms"]
        self.cpu_us = (cpu_seconds(*pids) - before) / result["requests"] * 1e6


LONG_BYTES = 150_000

NGINX = """
daemon off; worker_processes auto; pid {dir}/pid; error_log {dir}/error.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; default_type application/json; sendfile on; keepalive_requests 100000000;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{ listen 127.0.0.1:{port}; root {dir}/www; }}
}}
"""


class Nginx:
    """Serves a file of 2 KB at /2k.json, and one as long as a list of 100 entities at /long.json."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="fairway-nginx-")
        root = pathlib.Path(self.folder.name)
        port = pg.free_port()
        root.chmod(0o755)
        (root / "www").mkdir()
        (root / "www" / "2k.json").write_text(json.dumps({"text": "x" * 2036}))
        (root / "www" / "long.json").write_text(json.dumps({"text": "x" * LONG_BYTES}))
        (root / "conf").write_text(NGINX.format(dir=root, port=port))
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", str(root / "conf"), "-p", str(root)],
                                        stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}"
        wait.until(lambda: len(children(self.process.pid)) > 0, what="the start of nginx")
        return self

    def pids(self):
        return [self.process.pid, *children(self.process.pid)]

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

