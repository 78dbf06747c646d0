# SPDX-License-Identifier: Apache-2.0
"""What stands between the network and the operations: other origins, proxies in front, headers of every
answer, TLS."""
import json
import socket
import ssl
import subprocess

import pytest

from support.server import FairwayServer

ORGANIZATIONS = "/api/organizations"
PORTAL = "https://portal.example.com"
CORS = ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers",
        "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age")


def cors_of(answer):
    return {name: answer.headers[name] for name in CORS if name in answer.headers}


def refused_start(setting, **options):
    """What the program says when it does not start."""
    server = FairwayServer(**options)
    server.spawn()
    try:
        assert server.wait() == 2, server.log()
        assert setting in server.log()
        return server.log()
    finally:
        server.kill()


# ---- other origins

@pytest.fixture(scope="module")
def listed(binary):
    with FairwayServer(env={"FAIRWAY_SERVER_CORS_ORIGINS": f"{PORTAL}, http://localhost:5173"}) as server:
        yield server


def test_a_listed_origin_is_named(listed):
    for origin in (PORTAL, "http://localhost:5173"):
        answer = listed.api.get(ORGANIZATIONS, headers={"Origin": origin})
        assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert "RateLimit" in answer.headers["Access-Control-Expose-Headers"]
        assert "Origin" in answer.headers.get_all("Vary")


@pytest.mark.parametrize("origin", ["https://evil.example.com", "https://portal.example.com.evil.test", "http://portal.example.com",
                                    "https://PORTAL.example.com", "https://portal.example.com:444", "null", "*", ""])
def test_other_origins_are_never_reflected(listed, origin):
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    for method, path in (("GET", ORGANIZATIONS), ("OPTIONS", ORGANIZATIONS), ("GET", "/api/nothing"), ("GET", "/")):
        answer = listed.api.request(method, path, headers=headers)
        assert cors_of(answer) == {} and "Origin" in answer.headers.get_all("Vary"), (method, path)


def test_errors_and_streams_carry_it_too(listed):
    origin = {"Origin": PORTAL}
    for answer in (listed.api.get("/api/nothing", headers=origin), listed.api.get(ORGANIZATIONS + "?limit=x", headers=origin),
                   listed.api.get("/api/catalog/entities/by-name/component/default/none", headers=origin)):
        assert answer.status >= 400 and answer.headers["Access-Control-Allow-Origin"] == PORTAL
    connection = listed.api.connect()
    connection.request("GET", "/api/events", headers=origin | {"Accept": "text/event-stream"})
    assert connection.getresponse().headers["Access-Control-Allow-Origin"] == PORTAL
    connection.close()


def test_preflight_comes_before_authentication(new_server):
    server = new_server(auth="required", env={"FAIRWAY_SERVER_CORS_ORIGINS": PORTAL})
    ask = {"Origin": PORTAL, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = server.api.request("OPTIONS", ORGANIZATIONS, headers=ask)
    assert (answer.status, answer.body) == (204, b"")
    allowed = cors_of(answer)
    assert allowed["Access-Control-Allow-Origin"] == PORTAL and "POST" in allowed["Access-Control-Allow-Methods"]
    assert {"Content-Type", "Authorization", "Idempotency-Key", "If-Match", "Fairway-Version"} <= set(
        allowed["Access-Control-Allow-Headers"].split(", "))
    assert 0 < int(allowed["Access-Control-Max-Age"]) <= 7200
    assert "Access-Control-Allow-Methods" not in cors_of(
        server.api.request("OPTIONS", ORGANIZATIONS, headers={"Origin": PORTAL}))  # no preflight
    assert server.api.get(ORGANIZATIONS, headers={"Origin": PORTAL}).status == 401


def test_a_listed_page_may_write_and_another_may_not(listed):
    body = {"name": "Acme", "slug": "acme"}
    crossing = {"Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"}
    refused = listed.api.request("POST", ORGANIZATIONS, json_body=body, headers=crossing | {"Origin": "https://evil.example.com"})
    assert refused.status == 403
    assert listed.api.request("POST", ORGANIZATIONS, json_body=body, headers=crossing | {"Origin": PORTAL}).status == 201


def test_without_a_list_nothing_is_said(server):
    answer = server.api.get(ORGANIZATIONS, headers={"Origin": PORTAL})
    assert answer.status == 200 and cors_of(answer) == {} and "Vary" not in answer.headers


@pytest.mark.parametrize("origins", ["*", "null", "portal.example.com", "https://portal.example.com/", "https://Portal.example.com",
                                     "https://*.example.com"])
def test_origins_that_are_none(origins):
    refused_start("server.cors.origins", env={"FAIRWAY_SERVER_CORS_ORIGINS": origins})


# ---- headers of every answer

def test_security_headers(server):
    for path in (ORGANIZATIONS, "/api/nothing", "/"):
        answer = server.api.get(path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "Strict-Transport-Security" not in answer.headers  # it is reached by http
    page = server.api.get("/").headers
    for part in ("object-src 'none'", "base-uri 'none'", "script-src 'self'"):
        assert part in page["Content-Security-Policy"]
    assert page["Cross-Origin-Resource-Policy"] == "same-origin" and "camera=()" in page["Permissions-Policy"]


def test_hsts_behind_a_proxy_that_speaks_tls(new_server):
    server = new_server(args=["--base-url", "https://fairway.example.com"])
    for path in (ORGANIZATIONS, "/", "/api/nothing"):
        assert server.api.get(path).headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


# ---- proxies in front

def logged_addresses(server):
    return [json.loads(line)["address"] for line in server.log().splitlines() if '"http.request"' in line]


@pytest.mark.parametrize("trusted, forwarded, address", [
    ("", ["192.0.2.7"], "127.0.0.1"),                                    # nobody is believed
    ("10.0.0.0/8", ["192.0.2.7"], "127.0.0.1"),                          # not this peer
    ("127.0.0.0/8", ["192.0.2.7"], "192.0.2.7"),
    ("127.0.0.1", ["6.6.6.6, 192.0.2.7"], "192.0.2.7"),                  # the client wrote the first
    ("127.0.0.1, 10.0.0.0/8", ["6.6.6.6, 192.0.2.7, 10.1.2.3"], "192.0.2.7"),
    ("127.0.0.1", ["6.6.6.6", "192.0.2.7"], "192.0.2.7"),                # as two fields
    ("127.0.0.1", ["2001:db8::7"], "2001:db8::7"),
    ("127.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
    ("127.0.0.1", ["192.0.2.7:4711"], "192.0.2.7"),
    ("127.0.0.1", ["<script>"], "127.0.0.1"),
    ("127.0.0.1", ["192.0.2.7, unknown"], "127.0.0.1"),
    ("127.0.0.1", [], "127.0.0.1"),
])
def test_the_client_behind_proxies(new_server, trusted, forwarded, address):
    server = new_server(env={"FAIRWAY_SERVER_TRUSTED_PROXIES": trusted, "FAIRWAY_LOG_FORMAT": "json"})
    head = "".join(f"X-Forwarded-For: {value}\r\n" for value in forwarded)
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.sendall(f"GET {ORGANIZATIONS} HTTP/1.1\r\nHost: localhost\r\n{head}Connection: close\r\n\r\n".encode())
        answer = b""
        while block := s.recv(65536):
            answer += block
    assert answer.startswith(b"HTTP/1.1 200")
    server.stop()
    assert logged_addresses(server)[-1] == address


def test_clients_behind_a_trusted_proxy_are_limited_apart(new_server):
    env = {"FAIRWAY_LIMITS_MODE": "on", "FAIRWAY_LIMITS_ADDRESS_PER_MINUTE": "1", "FAIRWAY_LIMITS_ADDRESS_BURST": "2"}
    def statuses(server, addresses):
        return [server.api.get(ORGANIZATIONS, headers={"X-Forwarded-For": a}).status for a in addresses]
    behind = new_server(env=env | {"FAIRWAY_SERVER_TRUSTED_PROXIES": "127.0.0.1"})
    assert statuses(behind, ["192.0.2.1"] * 3 + ["192.0.2.2"]) == [200, 200, 429, 200]
    assert statuses(behind, ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::"]) == [200, 200, 429, 200]  # a /64 is one
    alone = new_server(env=env)
    assert statuses(alone, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]) == [200, 200, 429]


@pytest.mark.parametrize("proxies", ["proxy.example.com", "10.0.0.0/33", "10.0.0.0/", "::1/129", "10.0.0"])
def test_proxies_that_are_none(proxies):
    refused_start("server.trusted_proxies", env={"FAIRWAY_SERVER_TRUSTED_PROXIES": proxies})


# ---- TLS

def make_certificate(folder, name="cert"):
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def tls_env(cert, key):
    return {"FAIRWAY_SERVER_TLS_CERT": str(cert), "FAIRWAY_SERVER_TLS_KEY": str(key)}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


def test_tls(certificate):
    cert, key = certificate
    with FairwayServer(env=tls_env(cert, key), tls=ssl.create_default_context(cafile=cert)) as server:
        assert server.url.startswith("https://")
        answer = server.api.get(ORGANIZATIONS)
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        big = server.api.post(ORGANIZATIONS, {"name": "Acme", "slug": "acme", "settings": {"text": "x" * 200000}})
        assert big.status == 201 and len(server.api.get(big.headers["Location"]).json()["settings"]["text"]) == 200000
        curl = ["curl", "--silent", "--show-error", "--cacert", cert, "--output", "/dev/null", "--write-out", "%{http_code}",
                server.url + "/api/health"]
        modern = subprocess.run(curl[:1] + ["--tlsv1.3"] + curl[1:], capture_output=True, text=True)
        assert (modern.returncode, modern.stdout) == (0, "200"), modern
        old = subprocess.run(curl[:1] + ["--tlsv1.2", "--tls-max", "1.2"] + curl[1:], capture_output=True, text=True)
        assert old.returncode == 35, old  # the handshake fails
        with socket.create_connection(("127.0.0.1", server.port)) as plain:
            plain.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try:
                assert not plain.recv(4096).startswith(b"HTTP/")
            except ConnectionResetError:
                pass  # that will do as well


def test_tls_files_that_will_not_do(certificate, tmp_path):
    cert, key = certificate
    _, other_key = make_certificate(tmp_path, "other")
    text = tmp_path / "text.pem"
    text.write_text("hello")
    locked = tmp_path / "locked.key"
    subprocess.run(["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked], check=True)
    refused_start("server.tls.cert", env=tls_env(tmp_path / "none.pem", key))
    refused_start("server.tls.key", env=tls_env(cert, tmp_path / "none.key"))
    assert "no certificate" in refused_start("server.tls.cert", env=tls_env(text, key))
    assert "no private key" in refused_start("server.tls.key", env=tls_env(cert, text))
    assert "passphrase" in refused_start("server.tls.key", env=tls_env(cert, locked))
    assert "not that of the certificate" in refused_start("server.tls.key", env=tls_env(cert, other_key))
    assert "missing" in refused_start("server.tls.key", env={"FAIRWAY_SERVER_TLS_CERT": str(cert)})
    assert "missing" in refused_start("server.tls.cert", env={"FAIRWAY_SERVER_TLS_KEY": str(key)})
