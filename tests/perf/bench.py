#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fairway's speed beside nginx's on this machine, as a table with the bar of each figure.

    bench.py [--quick] [--million] [--only sqlite|postgresql] [--section all|auth|search|portal]

--quick: short runs and 10,000 entities only. --million: also a catalog of a million entities.
FAIRWAY_BINARY: the program, else build/release/fairway. The bars come from a Backstage backend measured
on 2 cores (docs/performance.md); CPU is that of Fairway's process alone, in all its threads."""
import argparse
import itertools
import os
import pathlib
import resource
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
os.environ.setdefault("FAIRWAY_BINARY", str(TESTS.parent / "build" / "release" / "fairway"))

import generate  # noqa: E402
import measure  # noqa: E402
import portal  # noqa: E402
import rights  # noqa: E402
import search  # noqa: E402
from streams import Streams  # noqa: E402
from support import wait  # noqa: E402
from support.pg import PrivatePostgres  # noqa: E402
from support.postgres import PostgresDatabases  # noqa: E402
from support.server import FairwayServer  # noqa: E402

CACHE = TESTS.parent / "build" / "bench"
INGEST_DEADLINE_S = 1800
NGINX_US = 12  # what a request for 2 KB took nginx where the peer was measured; here it is measured beside Fairway
READS = [  # mode, what, CPU bar in microseconds there: the peer's CPU by the factor that was promised
    ("by_name", "entity by name", {"sqlite": 28, "postgresql": 28}),
    ("by_query", "by-query, 100 of 7,000", {"sqlite": 22_200 / 50, "postgresql": 1_640 / 15}),
    ("full_text", "by-query with full text", {"sqlite": 16_200 / 50, "postgresql": 2_020 / 50}),
    ("facets", "two facets", {"sqlite": 2_110 / 25, "postgresql": 670 / 25}),
    ("by_refs", "100 references at once", {"sqlite": 1_380 / 10, "postgresql": 1_210 / 10}),
]
CONFIG = """
catalog:
  processing_interval: 0
  locations:
    - {{ type: file, target: {target}, rules: [{{ allow: [Component, API, System, Group, User, Location] }}] }}
"""


class DurableDatabases(PostgresDatabases):
    """As PostgreSQL comes, fsync included."""

    @property
    def server(self):
        if self._server is None:
            self._server = PrivatePostgres(settings=["max_connections=400"])
        return self._server


class Table:
    def __init__(self):
        self.missed = []

    def head(self, text):
        print(f"\n{text}\n{'what':<34}{'measured':>34}{'bar':>16}", flush=True)

    def row(self, what, measured, bar="", met=None):
        verdict = "" if met is None else ("met" if met else "MISSED")
        if met is False:
            self.missed.append(what)
        print(f"{what:<34}{measured:>34}{bar:>16}  {verdict}".rstrip(), flush=True)


class Bench:
    def __init__(self, kind, options, databases, table, nginx):
        self.kind, self.options, self.databases, self.table, self.nginx = kind, options, databases, table, nginx
        self.seconds = 2 if options.quick else 6
        self.runs = itertools.count(1)

    def server(self, config=None, auth="open", env=None):
        url = self.databases.create() if self.kind == "postgresql" else None
        return FairwayServer(database_url=url, config=config, auth=auth, env=env or {"FAIRWAY_LOG_LEVEL": "warn"})

    def run(self):
        self.table.head(f"== {self.kind}")
        if self.options.section == "auth":
            self.auth()
            return
        if self.options.section == "portal":
            self.portal()
            return
        if self.options.section == "search":
            self.search(1_000_000 if self.options.million else 10_000)
            return
        self.start()
        self.catalog(10_000, reads=True)
        if not self.options.quick:
            self.catalog(100_000)
        if self.options.million:
            self.catalog(1_000_000, reads=True)
        self.writes()
        self.streams()
        self.auth()
        self.portal()

    def start(self):
        with self.server() as server:  # makes the database; what is measured is the next start
            server.stop()
            times = []
            for _ in range(5):
                begin = time.monotonic()
                server.start()
                times.append(time.monotonic() - begin)
                idle = measure.rss_mib(server.process.pid)
                server.stop()
            server.start()
        best = sorted(times)[len(times) // 2]
        self.table.row("start to ready", f"{best * 1000:.0f} ms", "150 ms", best < 0.15)
        self.table.row("memory idle", f"{idle:.0f} MiB", "40 MiB", idle < 40)

    def catalog(self, count, reads=False):
        target = generate.write(count, CACHE / str(count))
        begin = time.monotonic()
        with self.server(CONFIG.format(target=target)) as server:
            source = self.ingested(server, None)
            self.ingest_rows(server, count, time.monotonic() - begin, measure.cpu_seconds(server.process.pid))
            self.unchanged(server, count, source)
            if reads:
                self.reads(server, count)

    def portal(self):
        if self.kind != "sqlite" or portal.absent():
            self.table.row("the page in a browser", portal.absent() or "measured on SQLite")
            return
        with self.server(CONFIG.format(target=generate.write(10_000, CACHE / "10000"))) as server:
            self.ingested(server, None)
            portal.run(self.table, server)

    def search(self, count):
        target = generate.write(count, CACHE / str(count))
        begin = time.monotonic()
        with self.server(CONFIG.format(target=target)) as server:
            self.ingested(server, None)
            cpu = measure.cpu_seconds(server.process.pid)
            self.ingest_rows(server, count, time.monotonic() - begin, cpu)
            search.index(self, server, count, cpu)
            search.run(self, server, count)

    def ingested(self, server, read_before, api=None):
        def done():
            [source] = (api or server.api).get("/api/sources", query={"origin": "config"}).json()["items"]
            if source["state"] == "failing":
                raise RuntimeError(source["error"])
            return source if source["state"] == "ok" and source["read_at"] != read_before else None

        return wait.until(done, deadline_s=INGEST_DEADLINE_S, what="the end of the read")

    def ingest_rows(self, server, count, wall, cpu):
        memory = measure.rss_mib(server.process.pid)
        if count == 10_000:
            self.table.row("ingest 10,000, with start", f"{wall:.2f} s, CPU {cpu:.2f} s", "CPU 1.5 s", cpu < 1.5)
            self.table.row("memory after it", f"{memory:.0f} MiB", "120 MiB", memory < 120)
        else:
            bar, met = ("20 s", wall < 20) if count == 100_000 else ("", None)
            self.table.row(f"ingest {count:,}, with start", f"{wall:.1f} s, CPU {cpu:.1f} s", bar, met)
            self.table.row("memory after it", f"{memory:.0f} MiB")

    def unchanged(self, server, count, source):
        wall, cpu = time.monotonic(), measure.cpu_seconds(server.process.pid)
        answer = server.api.post(f"/api/sources/{source['id']}/refresh")
        if answer.status != 202:
            raise RuntimeError(answer)
        self.ingested(server, source["read_at"])
        wall, cpu = time.monotonic() - wall, measure.cpu_seconds(server.process.pid) - cpu
        bar, met = ("1 s", wall < 1) if count <= 100_000 else ("", None)
        self.table.row(f"unchanged pass, {count:,}", f"{wall:.2f} s, CPU {cpu:.2f} s", bar, met)

    def reads(self, server, count):
        """CPU per request as a multiple of nginx's on the same machine in the same run: that is the bar."""
        pids = [server.process.pid]
        static = measure.Load(self.nginx.url, self.nginx.pids(), "static", self.seconds)
        self.table.row("nginx, static 2 KB", f"{static.rate:,.0f}/s, {static.cpu_us:.0f} us")
        long = measure.Load(self.nginx.url, self.nginx.pids(), "static_long", self.seconds)
        self.table.row("nginx, static 150 KB", f"{long.rate:,.0f}/s, {long.cpu_us:.0f} us, {long.cpu_us / static.cpu_us:.1f}x")
        for mode, what, bars in READS:
            load = measure.Load(server.url, pids, mode, self.seconds, components=generate.counts(count)["component"])
            bar, met = "", None
            times = load.cpu_us / static.cpu_us
            if count == 10_000:
                most = bars[self.kind] / NGINX_US
                bar, met = f"{most:.1f}x", times < most
            self.table.row(what, f"{load.rate:,.0f}/s, {load.cpu_us:.0f} us, {times:.1f}x", bar, met)
            if mode == "by_name" and count == 10_000:
                ratio = static.rate / load.rate
                self.table.row("  requests/s, nginx to Fairway", f"{ratio:.1f}x", "3x", ratio < 3)
        self.table.row("memory after the reads", f"{measure.rss_mib(server.process.pid):.0f} MiB")

    def auth(self):
        count, bindings = (10_000, 1_000) if self.options.quick else (100_000, 10_000)
        config = CONFIG.format(target=generate.write(10_000, CACHE / "10000"))
        components = generate.counts(10_000)["component"]
        with self.server(config) as open_server, self.server(config, auth=None, env=rights.ENV) as server:
            admin = rights.administrator(server)
            self.ingested(open_server, None)
            self.ingested(server, None, admin)
            shown = rights.credentials(server, admin)
            rights.cost(self, open_server, server, shown, components)
            rights.storm(self, server, shown["JWT"], components)
        target = generate.write(count, CACHE / str(count))
        with self.server(CONFIG.format(target=target), auth=None, env=rights.ENV) as server:
            admin = rights.administrator(server)
            self.ingested(server, None, admin)
            rights.parts(self, server, admin, count, bindings)

    def writes(self):
        with self.server() as server:
            for clients in (1, 8, 64):
                load = measure.Load(server.url, [server.process.pid], "write", self.seconds, connections=clients,
                                    run=f"{clients}-{next(self.runs)}")
                bar, met = ("5,000/s", load.rate > 5000) if clients == 64 and self.kind == "sqlite" else ("", None)
                self.table.row(f"durable writes, {clients} clients",
                               f"{load.rate:,.0f}/s, {load.cpu_us:.0f} us, p99 {load.p99_ms:.1f} ms", bar, met)

    def streams(self):
        for count in (1_000, 10_000):
            with self.server() as server:
                before = measure.rss_mib(server.process.pid)
                streams = Streams(server.api.host, server.port, count)
                try:
                    streams.drain()
                    each = (measure.rss_mib(server.process.pid) - before) * 1024 / count
                    found = streams.latencies_ms(lambda: self.emit(server))
                finally:
                    streams.close()
            self.table.row(f"{count:,} streams, memory each", f"{each:.1f} KiB", "40 KiB", each < 40)
            median, last = found[len(found) // 2], found[-1]
            self.table.row("  event to client", f"median {median:.0f} ms, last {last:.0f} ms", "100 ms", median < 100)

    @staticmethod
    def emit(server):
        answer = server.api.post("/api/organizations", {"name": "live", "slug": "live"})
        if answer.status != 201:
            raise RuntimeError(answer)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--section", choices=["all", "auth", "search", "portal"], default="all")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    table, databases = Table(), DurableDatabases()
    try:
        with measure.Nginx() as nginx:
            for kind in ("sqlite", "postgresql"):
                if options.only in (None, kind):
                    Bench(kind, options, databases, table, nginx).run()
    finally:
        databases.close()
    print(f"\n{len(table.missed)} bars missed" + (": " + "; ".join(table.missed) if table.missed else ""))


if __name__ == "__main__":
    main()
