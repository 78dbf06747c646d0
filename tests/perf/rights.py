# SPDX-License-Identifier: Apache-2.0
"""What asking for credentials and rights costs: a server that asks beside one that asks nobody, in turns of one run; reads while
others sign in; a catalog for somebody with many bindings. Ratios and differences of CPU, so that the machine does not matter."""
import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess

import generate
import measure
from support.api import Api
from support.identity import PASSWORD, first_admin, login
from support.wait import until

TURNS = 5
MOST = "1000000"
ENV = {"FAIRWAY_LOG_LEVEL": "warn", "FAIRWAY_LIMITS_USER_PER_MINUTE": MOST, "FAIRWAY_LIMITS_USER_BURST": MOST,
       "FAIRWAY_LIMITS_KEY_PER_MINUTE": MOST, "FAIRWAY_LIMITS_KEY_BURST": MOST, "FAIRWAY_LIMITS_AUTH_PER_MINUTE": MOST,
       "FAIRWAY_LIMITS_AUTH_BURST": MOST, "FAIRWAY_LIMITS_ADDRESS_PER_MINUTE": MOST, "FAIRWAY_LIMITS_ADDRESS_BURST": MOST}
ORGANIZATION = "00000000-0000-7000-8000-000000000001"
EMAIL = "admin@example.org"
STORM_CONNECTIONS = 16
PATHS = {"ordered": "/api/catalog/entities/by-query?limit=20&orderField=metadata.name,asc",
         "first": "/api/catalog/entities/by-query?limit=20&totalItems=exclude",
         "by_query": "/api/catalog/entities/by-query?limit=100&filter=kind=component",
         "list": "/api/catalog/entities?limit=20", "facets": "/api/catalog/entity-facets?facet=kind&facet=spec.type"}
VIEWER = "00000000-0000-7000-8000-0000000000a4"


def administrator(server):
    """Who signs in first. A first read of the catalog may hold the database for longer than a request waits."""
    def try_it():
        try:
            return first_admin(server)
        except AssertionError:
            return None

    return until(try_it, deadline_s=600, every_s=1, what="a turn to write")


def credentials(server, admin):
    """The three that a caller can show, as environment of the load."""
    cookie = server.api.post("/api/auth/login", {"email": EMAIL, "password": PASSWORD, "cookie": True})
    key = admin.post("/api/api-keys", {"name": "bench", "scopes": ["*:*"]}).json()["key"]
    return {"session cookie": {"COOKIE": cookie.headers["Set-Cookie"].split(";")[0]},
            "JWT": {"AUTHORIZATION": admin.headers["Authorization"]},
            "API key": {"AUTHORIZATION": "Bearer " + key}}


def cost(bench, open_server, server, shown, components):
    """CPU of a by-name read with each kind of credentials, less that of a server that asks nobody."""
    more, bare = {name: [] for name in shown}, []
    for _ in range(TURNS):
        without = measure.Load(open_server.url, [open_server.process.pid], "by_name", bench.seconds // 2, components=components)
        bare.append(without.cpu_us)
        for name, headers in shown.items():
            load = measure.Load(server.url, [server.process.pid], "by_name", bench.seconds // 2, components=components,
                                headers=headers)
            more[name].append(load.cpu_us - without.cpu_us)
    bench.table.row("by name, nobody is asked", f"{statistics.median(bare):.0f} us")
    for name, values in more.items():
        us = statistics.median(values)
        bench.table.row(f"  more with a {name}", f"{us:.1f} us ({min(values):.1f} to {max(values):.1f})", "20 us", us <= 20)


def storm(bench, server, headers, components):
    """p99 of reads while many sign in, as a multiple of what it is without them."""
    env = dict(os.environ, MODE="login", LOGIN=json.dumps({"email": EMAIL, "password": PASSWORD}))
    command = ["wrk", "-t1", f"-c{STORM_CONNECTIONS}", f"-d{bench.seconds + 2}s", "-s",
               str(pathlib.Path(__file__).parent / "load.lua"), server.url]
    ratios = []
    for _ in range(TURNS - 2):
        reads = {"components": components, "headers": headers, "connections": 4}
        idle = measure.Load(server.url, [server.process.pid], "by_name", bench.seconds, **reads)
        with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as running:
            busy = measure.Load(server.url, [server.process.pid], "by_name", bench.seconds, **reads)
            running.wait()
        ratios.append(busy.p99_ms / idle.p99_ms)
    times = statistics.median(ratios)
    bench.table.row("reads while others sign in, p99", f"{times:.1f}x ({min(ratios):.1f} to {max(ratios):.1f})", "3x", times <= 3)


def bound_user(admin, count, bindings):
    """Somebody with one binding per team, of two thirds of the teams that own something."""
    made = admin.post("/api/users", {"email": "bound@example.org", "name": "Bound"}).json()
    owners = generate.counts(count)["group"]

    def add(i):
        slug = f"team-{i:05d}"
        team = admin.post("/api/teams", {"org_id": ORGANIZATION, "name": slug, "slug": slug}).json()
        if "id" not in team:  # a group of the catalog is a team already
            [team] = admin.get("/api/teams", query={"slug": slug}).json()["items"]
        if i % 3 == 0 and i < owners:
            return
        bound = admin.post("/api/role-bindings", {"subject_kind": "user", "subject_id": made["id"], "role_id": VIEWER,
                                                  "scope_kind": "team", "scope_id": team["id"]})
        if bound.status != 201:
            raise RuntimeError(bound)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(add, range(bindings + owners // 3)))
    again = Api(admin.url, headers=admin.headers)  # the server has closed a connection that was idle so long
    link = again.post(f"/api/users/{made['id']}/one-time-link").json()["token"]
    Api(admin.url).post("/api/auth/one-time", {"token": link, "password": PASSWORD})
    return login_as(admin, "bound@example.org")


def login_as(admin, email):
    class At:
        url, api = admin.url, Api(admin.url)

    return login(At, email)


def parts(bench, server, admin, count, bindings):
    """Lists of the catalog for somebody with many bindings, beside somebody who sees all."""
    user = bound_user(admin, count, bindings)
    who = {name: {"AUTHORIZATION": api.headers["Authorization"]} for name, api in (("all", admin), ("part", user))}
    seen = user.get("/api/catalog/entities/by-query", query={"limit": 0}).json()["totalItems"]
    bench.table.row(f"{bindings:,} bindings see", f"{seen:,} of {count:,}")
    for mode, what in (("ordered", "by-query, 20 by name"), ("first", "by-query, 20 without total"), ("by_query", "by-query, 100"),
                       ("list", "entities, 20"), ("facets", "two facets")):
        ratios, cold = [], {}
        for name, headers in who.items():  # what is found out once is not what is compared
            before = measure.cpu_seconds(server.process.pid)
            api = admin if name == "all" else user
            answer = api.get(PATHS[mode])
            if answer.status != 200:
                raise RuntimeError(answer)
            cold[name] = (measure.cpu_seconds(server.process.pid) - before) * 1000
        for _ in range(TURNS - 2):
            cpu = {name: measure.Load(server.url, [server.process.pid], mode, bench.seconds // 2, headers=headers).cpu_us
                   for name, headers in who.items()}
            ratios.append(cpu["part"] / cpu["all"])
        times = statistics.median(ratios)
        bench.table.row(f"  {what}", f"{times:.2f}x ({min(ratios):.2f} to {max(ratios):.2f})", "1.5x", times <= 1.5)
        bench.table.row("    the first time", f"{cold['part']:.0f} ms; all: {cold['all']:.0f} ms")
