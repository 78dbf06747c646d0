# SPDX-License-Identifier: Apache-2.0
"""Signing in to a server that wants it.

    server = new_server(auth=None)
    admin = first_admin(server)          # an Api with an access token
    admin.tokens["refresh_token"]
    ada = new_user(admin, "ada@example.org")"""
import re

from support.api import Api

LINK = re.compile(r"^  (\S+)/#one-time=(fwo_[\w-]+)$", re.M)
PASSWORD = "violet bus over the hill"
NO_LIMITS = {"FAIRWAY_LIMITS_MODE": "off"}  # a test asks faster than a person


def link_of(server):
    """The token in the link that the server printed at its start; None when it printed none."""
    found = LINK.search(server.stdout_path.read_text())
    return found.group(2) if found else None


def signed_in(url, answer):
    """An Api that shows the access token of a sign-in."""
    assert answer.status == 200, answer
    tokens = answer.json()
    api = Api(url, headers={"Authorization": "Bearer " + tokens["access_token"]})
    api.tokens = tokens
    api.user = tokens["user"]
    return api


def first_admin(server, email="admin@example.org", password=PASSWORD):
    answer = server.api.post("/api/auth/one-time", {"token": link_of(server), "password": password, "email": email})
    return signed_in(server.url, answer)


def login(server, email, password=PASSWORD):
    return signed_in(server.url, server.api.post("/api/auth/login", {"email": email, "password": password}))


def grant(admin, subject_id, role="admin", kind="user"):
    """Binds a built-in role on the platform."""
    [found] = admin.get("/api/roles", query={"name": role}).json()["items"]
    bound = admin.post("/api/role-bindings", {"subject_kind": kind, "subject_id": subject_id, "role_id": found["id"],
                                              "scope_kind": "platform"})
    assert bound.status == 201, bound


def new_user(admin, email, name="Ada Lovelace", password=PASSWORD, role="admin"):
    """Invited by the administrator, bound to a role (None: none), and signed in."""
    made = admin.post("/api/users", {"email": email, "name": name})
    assert made.status == 201, made
    if role:
        grant(admin, made.json()["id"], role)
    link = admin.post(f"/api/users/{made.json()['id']}/one-time-link")
    assert link.status == 200, link
    return signed_in(admin.url, Api(admin.url).post("/api/auth/one-time", {"token": link.json()["token"],
                                                                           "password": password}))
