# SPDX-License-Identifier: Apache-2.0
"""A server that is known as localhost, with mail, GitHub and a real OpenID Provider, and people for the scenarios."""
import contextlib
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from support.identity import NO_LIMITS, first_admin, grant
from support.mail import MailServer, is_installed, token_of
from support.providers import GitHubLike, OpenIdProvider, free_port
from support.server import FairwayServer


class GitHub(GitHubLike):
    """Lets in whoever comes, without a form."""

    def answer(self, path, query, form, headers):
        if path != "/login/oauth/authorize":
            return super().answer(path, query, form, headers)
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        back = urllib.parse.urlencode({"code": code, "state": query["state"]})
        return 302, {"Location": f"{query['redirect_uri']}?{back}"}, {}


class Letters:
    """Tells the browser's side which link a letter brought."""

    def __init__(self, mail):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                to = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["to"][0]
                rows = [row for row in mail.to(to) if "#one-time=" in row["data"] or b"one-time" in row["message"].as_bytes()]
                body = json.dumps({"token": token_of(rows[-1]) if rows else None}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def invite(admin, scenario):
    email = f"{scenario.lower()}@example.org"
    made = admin.post("/api/users", {"email": email, "name": f"Ada {scenario}"}).json()
    link = admin.post(f"/api/users/{made['id']}/one-time-link").json()
    return {"email": email, "id": made["id"], "token": link["token"]}


@contextlib.contextmanager
def world():
    """A server with its administrator as server.admin."""
    why = OpenIdProvider.install()
    if why or not is_installed():
        pytest.skip(why or "python3-aiosmtpd is not installed")
    port = free_port()
    base = f"http://localhost:{port}"
    with MailServer() as mail, GitHub() as github, OpenIdProvider(f"{base}/api/auth/providers/corp/callback") as provider:
        providers = {"corp": provider.settings(title="Example login", trusted_domains=["example.org"]),
                     "github": github.settings(title="GitHub", sign_up=True)}
        config = {"server": {"base_url": base}, "auth": {"allow": "127.0.0.1", "providers": providers}}
        server = FairwayServer(auth=None, env={**NO_LIMITS, **mail.settings()}, config=json.dumps(config))
        server.port = port
        letters = Letters(mail)
        try:
            with server:
                server.admin = first_admin(server)
                server.letters = letters.url
                yield server
        finally:
            letters.close()
