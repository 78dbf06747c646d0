# SPDX-License-Identifier: Apache-2.0
"""Providers to sign in with, on loopback, and a small browser to go there and back.

    with OpenIdProvider(redirect_uris) as op:       # npm oidc-provider
    with LyingProvider() as op: op.lie = "nonce"    # an OpenID Provider that is right except for one thing
    with GitHubLike() as hub: hub.user["id"] = 7    # answers as GitHub does"""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import re
import secrets
import subprocess
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from support import npm
from support.pg import free_port
from support.server import ROOT

HERE = pathlib.Path(__file__).parent / "oidc-provider"
PACKAGES = ROOT / "build" / "npm-oidc"
SESSION, BROWSER = "__Host-fairway", "__Host-fairway-sign-in"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64_json(value):
    return b64(json.dumps(value).encode())


# ---- a browser

class Page:
    def __init__(self, url, status, headers, body):
        self.url, self.status, self.headers, self.body = url, status, headers, body

    @property
    def location(self):
        return urllib.parse.urljoin(self.url, self.headers["Location"]) if self.headers["Location"] else None

    def query(self):
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.location or self.url).query))

    def fragment(self):
        return urllib.parse.urlsplit(self.location or self.url).fragment

    def __repr__(self):
        return f"{self.url} -> {self.status} {self.headers['Location']} {self.body[:500]!r}"


class Browser:
    """Keeps cookies by origin, as Chromium does with Secure ones on loopback; follows nothing by itself."""

    def __init__(self):
        self.jar = {}

    def request(self, method, url, body=None, headers=None):
        parts = urllib.parse.urlsplit(url)
        cookies = self.jar.setdefault(parts.netloc, {})
        fields = {"Accept": "text/html,application/xhtml+xml", **(headers or {})}
        if cookies:
            fields["Cookie"] = "; ".join(f"{k}={v}" for k, v in cookies.items())
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        try:
            connection.request(method, (parts.path or "/") + ("?" + parts.query if parts.query else ""), body, fields)
            answer = connection.getresponse()
            page = Page(url, answer.status, answer.headers, answer.read())
        finally:
            connection.close()
        for field in page.headers.get_all("Set-Cookie") or []:
            name, _, value = field.split(";")[0].partition("=")
            if re.search(r"max-age=0|expires=Thu, 01 Jan 1970", field, re.I):
                cookies.pop(name, None)
            else:
                cookies[name] = value
        return page

    def get(self, url, **kw):
        return self.request("GET", url, **kw)

    def follow(self, page, until):
        """Redirects until one leads to an address that begins with `until`: that page is not asked for."""
        for _ in range(20):
            if not page.location or page.location.startswith(until):
                return page
            page = self.get(page.location)
        raise AssertionError("too many redirects")

    def send_form(self, page, **values):
        action = re.search(rb'action="([^"]+)"', page.body).group(1).decode()
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]+)"', page.body.decode()))
        return self.request("POST", urllib.parse.urljoin(page.url, action), urllib.parse.urlencode({**hidden, **values}),
                            {"Content-Type": "application/x-www-form-urlencoded"})

    def cookie(self, url, name):
        return self.jar.get(urllib.parse.urlsplit(url).netloc, {}).get(name)


# ---- the real one

class OpenIdProvider:
    def __init__(self, *redirect_uris):
        self.redirect_uris = redirect_uris
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    @staticmethod
    def install():
        """The reason why it cannot be had, or None."""
        try:
            npm.packages(HERE, PACKAGES)
        except npm.Absent as why:
            return str(why)
        return None

    def __enter__(self):
        self.process = subprocess.Popen(["node", str(HERE / "op.mjs"), str(PACKAGES), str(self.port), *self.redirect_uris],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        env=dict(os.environ, NODE_NO_WARNINGS="1"))
        for line in self.process.stdout:
            if line == "ready\n":
                return self
        raise RuntimeError("oidc-provider did not start")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def settings(self, client="rs256", **more):
        return {"kind": "oidc", "issuer": self.url, "client_id": client, "client_secret": "secret",
                "scopes": ["openid", "profile", "email", "groups"], **more}

    def sign_in(self, browser, page, login, back):
        """From the redirect that leads here through its forms; gives the redirect that leads back."""
        page = browser.follow(page, back)
        for _ in range(3):
            if page.location and page.location.startswith(back):
                return page
            values = {"login": login, "password": "any"} if b'name="login"' in page.body else {}
            page = browser.follow(browser.send_form(page, **values), back)
        return page


# ---- servers of our own

class Served:
    """A server whose answers are a method: answer(path, query, form, headers) -> (status, headers, body)."""

    def __init__(self):
        self.asked = []
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def reply(self, form):
                parts = urllib.parse.urlsplit(self.path)
                with outer.lock:
                    outer.asked.append(parts.path)
                status, headers, body = outer.answer(parts.path, dict(urllib.parse.parse_qsl(parts.query)), form, self.headers)
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                try:
                    self.send_response(status)
                    for name, value in {"Content-Type": "application/json", **headers}.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # the other side does not wait any longer

            def do_GET(self):
                self.reply({})

            def do_POST(self):
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.reply(dict(urllib.parse.parse_qsl(text)))

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def answer(self, path, query, form, headers):
        raise NotImplementedError

    def count(self, path):
        with self.lock:
            return self.asked.count(path)

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Key:
    def __init__(self, alg, kid):
        self.alg, self.kid = alg, kid
        self.private = {"RS256": lambda: rsa.generate_private_key(65537, 2048),
                        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
                        "EdDSA": ed25519.Ed25519PrivateKey.generate}[alg]()

    def jwk(self):
        public, size = self.private.public_key(), 32
        if self.alg == "RS256":
            n = public.public_numbers()
            members = {"kty": "RSA", "n": b64(n.n.to_bytes(256, "big")), "e": b64(n.e.to_bytes(3, "big"))}
        elif self.alg == "ES256":
            n = public.public_numbers()
            members = {"kty": "EC", "crv": "P-256", "x": b64(n.x.to_bytes(size, "big")), "y": b64(n.y.to_bytes(size, "big"))}
        else:
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            members = {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
        return {**members, "kid": self.kid, "use": "sig", "alg": self.alg}

    def pem(self):
        return self.private.public_key().public_bytes(serialization.Encoding.PEM,
                                                      serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, data):
        if self.alg == "RS256":
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if self.alg == "ES256":
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.private.sign(data)


def jws(header, claims, signature_of):
    signed = b64_json(header) + "." + b64_json(claims)
    return signed + "." + b64(signature_of(signed.encode()))


class LyingProvider(Served):
    """An OpenID Provider whose authorization endpoint nobody visits: code() stands for that. `lie` is what is wrong."""

    client_id, client_secret = "fair way", "se:cret/?"  # to be encoded before they are joined

    def __init__(self, alg="RS256"):
        super().__init__()
        self.lie = None
        self.key = Key(alg, "one")
        self.codes = {}
        self.claims = {"sub": "s-1", "email": "grace@example.org", "email_verified": True, "name": "Grace Hopper",
                       "groups": []}
        self.metadata = {}
        self.seen = []  # bodies of the token endpoint

    def settings(self, **more):
        return {"kind": "oidc", "issuer": self.url, "client_id": self.client_id, "client_secret": self.client_secret, **more}

    def code(self, start):
        """What the provider gives the browser that was sent to `start` (the page of our redirect)."""
        asked = start.query()
        assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
        assert asked["response_type"] == "code" and asked["client_id"] == self.client_id and "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.url}

    def answer(self, path, query, form, headers):
        if self.lie == "down":
            return 503, {}, {}
        if self.lie == "slow":
            time.sleep(12)
        if path == "/.well-known/openid-configuration":
            return self.configuration()
        if path == "/jwks":
            return self.keys()
        if path == "/token":
            return self.token(form, headers)
        if path == "/userinfo":
            return 200, {}, {**self.claims, **({"sub": "s-2"} if self.lie == "userinfo-sub" else {})}
        return 404, {}, {}

    def configuration(self):
        if self.lie == "redirect":
            return 302, {"Location": "http://127.0.0.2:1/"}, {}
        if self.lie == "not-json":
            return 200, {}, b"<html>"
        issuer = self.url + ("/" if self.lie == "metadata-issuer" else "")
        return 200, {}, {"issuer": issuer, "authorization_endpoint": self.url + "/auth",
                         "token_endpoint": "http://10.0.0.1/token" if self.lie == "internal-token" else self.url + "/token",
                         "userinfo_endpoint": self.url + "/userinfo", "jwks_uri": self.url + "/jwks",
                         "authorization_response_iss_parameter_supported": True, **self.metadata}

    def keys(self):
        if self.lie == "huge-jwks":
            return 200, {}, {"keys": [{**self.key.jwk(), "kid": f"k{n}", "x": "A" * 4000} for n in range(200)]}
        if self.lie == "many-keys":
            return 200, {}, {"keys": [{**self.key.jwk(), "kid": f"k{n}"} for n in range(65)]}
        return 200, {}, {"keys": [self.key.jwk()]}

    def token(self, form, headers):
        self.seen.append(form)
        user, _, password = base64.b64decode(headers["Authorization"].split()[1]).decode().partition(":")
        assert (urllib.parse.unquote(user), urllib.parse.unquote(password)) == (self.client_id, self.client_secret)
        asked = self.codes.pop(form["code"], None)
        challenge = b64(hashlib.sha256(form["code_verifier"].encode()).digest())
        if not asked or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {}, {"error": "invalid_grant", "error_description": "leaked <b>words</b>"}
        if self.lie == "huge-token":
            return 200, {}, {"access_token": "a" * (1 << 20)}
        if self.lie == "token-500":
            return 500, {}, {"error": "server_error"}
        answer = {"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": self.id_token(asked)}
        if self.lie == "no-id-token":
            del answer["id_token"]
        if self.lie == "mac-token":
            answer["token_type"] = "mac"
        return 200, {}, answer

    def id_token(self, asked):
        now, key = int(time.time()), self.key
        half = hashlib.sha512 if key.alg == "EdDSA" else hashlib.sha256
        digest = half(b"at").digest()
        claims = {"iss": self.url, "aud": self.client_id, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
                  "at_hash": b64(digest[:len(digest) // 2]), **self.claims}
        header = {"alg": key.alg, "kid": key.kid, "typ": "JWT"}
        wrong = {
            "iss": {"iss": "https://other.example"}, "aud": {"aud": "another"}, "aud-many": {"aud": [self.client_id, "another"]},
            "azp": {"azp": "another"}, "expired": {"exp": now - 61}, "future": {"iat": now + 120},
            "nonce": {"nonce": "another"}, "at_hash": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "no-sub": {"sub": ""},
            "nbf": {"nbf": now + 120},
        }
        claims.update(wrong.get(self.lie, {}))
        if self.lie == "no-nonce":
            del claims["nonce"]
        if self.lie == "alg-none":
            return jws({"alg": "none"}, claims, lambda _: b"")
        if self.lie == "hs256":  # the public key as the secret of an HMAC
            def mac(data):
                h = hmac.HMAC(key.pem(), hashes.SHA256())
                h.update(data)
                return h.finalize()
            return jws({"alg": "HS256", "kid": key.kid}, claims, mac)
        if self.lie == "unknown-kid":
            header["kid"] = "two"
        if self.lie == "access-token":
            header["typ"] = "at+jwt"
        if self.lie == "own-key":  # brings the key along
            other = Key(key.alg, key.kid)
            return jws({**header, "jwk": other.jwk()}, claims, other.sign)
        token = jws(header, claims, key.sign)
        if self.lie == "signature":
            head, _, tail = token.rpartition(".")
            token = head + "." + ("B" if tail[0] == "A" else "A") + tail[1:]
        return token


class GitHubLike(Served):
    """GitHub Enterprise as far as a sign-in asks it. Errors of the exchange have status 200."""

    client_id, client_secret = "Iv1.abc", "github-secret"

    def __init__(self):
        super().__init__()
        self.codes = {}
        self.user = {"id": 583231, "login": "octocat", "name": "The Octocat", "avatar_url": "https://example.org/a.png"}
        self.emails = [{"email": "private@example.org", "primary": False, "verified": True},
                       {"email": "octocat@example.org", "primary": True, "verified": True}]
        self.orgs = ["acme"]
        self.teams = []  # "org/slug"
        self.error = None  # of the exchange
        self.api_status = {}  # path -> status

    def settings(self, **more):
        return {"kind": "github", "base_url": self.url, "client_id": self.client_id, "client_secret": self.client_secret, **more}

    def code(self, start):
        asked = start.query()
        assert start.location.startswith(self.url + "/login/oauth/authorize?")
        assert asked["code_challenge_method"] == "S256" and asked["client_id"] == self.client_id
        assert asked["scope"] == "read:user user:email read:org"
        code = secrets.token_hex(10)
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def answer(self, path, query, form, headers):
        if path == "/login/oauth/access_token":
            return self.exchange(form, headers)
        if headers["Authorization"] != "Bearer ghu_token":
            return 401, {}, {"message": "Bad credentials"}
        if path in self.api_status:
            return self.api_status[path], {}, {"message": "no"}
        lists = {
            "/api/v3/user/emails": self.emails,
            "/api/v3/user/orgs": [{"login": org, "id": n} for n, org in enumerate(self.orgs)],
            "/api/v3/user/teams": [{"slug": t.split("/")[1], "name": t, "organization": {"login": t.split("/")[0]}}
                                   for t in self.teams],
        }
        if path == "/api/v3/user":
            return 200, {}, self.user
        if path in lists:
            size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
            return 200, {}, lists[path][(page - 1) * size:page * size]
        return 404, {}, {"message": "Not Found"}

    def exchange(self, form, headers):
        if headers["Accept"] != "application/json":
            return 200, {"Content-Type": "application/x-www-form-urlencoded"}, b"access_token=gho_x"
        if self.error:
            return 200, {}, {"error": self.error, "error_description": "leaked words", "error_uri": "https://docs.github.com/"}
        asked = self.codes.pop(form["code"], None)
        challenge = b64(hashlib.sha256(form["code_verifier"].encode()).digest())
        if not asked or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            return 200, {}, {"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."}
        if (form["client_id"], form["client_secret"]) != (self.client_id, self.client_secret):
            return 200, {}, {"error": "incorrect_client_credentials"}
        return 200, {}, {"access_token": "ghu_token", "token_type": "bearer", "scope": "read:org,read:user,user:email",
                         "expires_in": 28800, "refresh_token": "ghr_x", "refresh_token_expires_in": 15897600}
