# SPDX-License-Identifier: Apache-2.0
"""How long searches take, one after the other over one connection, and what the index costs."""
import http.client
import random
import time
import urllib.parse

import generate
import measure
from support import wait

BARS_MS = {10_000: 20, 1_000_000: 50}
SECONDS_TO_INDEX = 1800
REPEAT = 4  # for CPU, which is counted in ticks of 10 ms


def questions(count, seed=7):
    """What people type, by sort; about a third of each sort's are typed letter by letter."""
    pick, words, tags = random.Random(seed), generate.WORDS, generate.TAGS
    components = generate.counts(count)["component"]
    name = lambda: f"component-{pick.randrange(components):05d}"  # noqa: E731
    broad = ["component", "comp", "c", "service", "team", "api", "user", "production", "openapi", "java", "alpha", "co", "se"]
    return {
        "exact name": [name() for _ in range(60)],
        "letter by letter": [name()[:n] for _ in range(12) for n in range(1, 16)],
        "word of a title": [pick.choice(words) for _ in range(40)],
        "two words": [f"{pick.choice(words)} {pick.choice(words)}" for _ in range(40)],
        "three words of a description": [" ".join(pick.choice(words) for _ in range(3)) for _ in range(40)],
        "typing error": [w[:2] + w[3] + w[2] + w[4:] for w in (pick.choice([w for w in words if len(w) > 5]) for _ in range(40))],
        "part of a word": [pick.choice([w for w in words if len(w) > 5])[1:5] for _ in range(40)],
        "broad": broad * 4,
        "broad, with a filter": [f"{pick.choice(words)} kind:component tag:{pick.choice(tags)}" for _ in range(40)],
        "of one owner": [f"{pick.choice(words)} owner:team-{pick.randrange(generate.counts(count)['group']):05d}" for _ in range(40)],
        "nothing": [f"zz{pick.randrange(10**6)}qq" for _ in range(40)],
    }


class Client:
    def __init__(self, server):
        self.connection = http.client.HTTPConnection(server.api.host, server.port)

    def ask(self, text, more=""):
        begin = time.perf_counter()
        self.connection.request("GET", f"/api/search?q={urllib.parse.quote(text)}{more}")
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{text}: {answer.status} {body[:200]}")
        return (time.perf_counter() - begin) * 1000


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def indexed(server, count):
    def done():
        status = server.api.get("/api/search/status").json()
        return status if status["is_current"] and status["documents"] >= count else None
    return wait.until(done, deadline_s=SECONDS_TO_INDEX, what="the index")


def index(bench, server, count, cpu_before):
    """CPU from the end of the read until all of it can be found."""
    begin = time.monotonic()
    indexed(server, count)
    cpu = measure.cpu_seconds(server.process.pid) - cpu_before
    bench.table.row(f"index of {count:,}, after it", f"{time.monotonic() - begin:.1f} s, CPU {cpu:.2f} s")


def run(bench, server, count):
    client, everything = Client(server), []
    for texts in questions(count, seed=8).values():  # other questions: what is measured has the file in memory, but no answer
        for text in texts:
            client.ask(text)
    for sort, asked in questions(count).items():
        cpu = measure.cpu_seconds(server.process.pid)
        times = [client.ask(text, "&limit=10") for text in asked]
        everything += times
        for text in asked * (REPEAT - 1):
            client.ask(text, "&limit=10")
        cpu = (measure.cpu_seconds(server.process.pid) - cpu) * 1000 / (REPEAT * len(asked))
        bench.table.row(f"  {sort}", f"{percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.1f} ms, CPU {cpu:.1f} ms")
    p99, bar = percentile(everything, 0.99), BARS_MS.get(count)
    bench.table.row(f"search, {count:,}, p99 of {len(everything)}", f"{p99:.1f} ms", f"{bar} ms" if bar else "",
                    p99 < bar if bar and bench.kind == "sqlite" else None)
    counted = [client.ask(text, "&limit=20&facets=kind,type,owner,lifecycle,tag") for texts in questions(count).values() for text in texts]
    bench.table.row("  with five facets", f"median {percentile(counted, 0.5):.1f} ms, p99 {percentile(counted, 0.99):.1f} ms")
