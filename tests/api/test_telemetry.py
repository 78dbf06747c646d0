# SPDX-License-Identifier: Apache-2.0
"""Traces of the server itself, as an OTLP/HTTP collector receives them."""
import http.server
import json
import re
import threading
import time

import pytest

from support.server import FairwayServer
from support.wait import until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SENT_WITHIN_S = 15


class Collector:
    """POST /v1/traces; answers is a list of (status, headers, body) to give before 200."""

    def __init__(self, answers=()):
        self.requests = []  # (path, headers, parsed body, status given)
        self.answers = list(answers)
        self.lock = threading.Lock()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with collector.lock:
                    status, headers, answer = collector.answers.pop(0) if collector.answers else (200, {}, b"{}")
                    collector.requests.append((self.path, self.headers, body, status))
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def spans(self, status=200):
        with self.lock:
            bodies = [body for _, _, body, given in self.requests if given == status]
        return [span for body in bodies for resource in body["resourceSpans"]
                for scope in resource["scopeSpans"] for span in scope["spans"]]

    def wait_for(self, wanted, what):
        return until(lambda: [s for s in self.spans() if wanted(s)], deadline_s=SENT_WITHIN_S, what=what)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def new_collector():
    running = []

    def start(*answers):
        running.append(Collector(answers))
        return running[-1]

    yield start
    for collector in running:
        collector.close()


def traced(new_server, endpoint):
    return new_server(env={"FAIRWAY_TELEMETRY_OTLP_ENDPOINT": endpoint})


def attributes(span):
    return {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}


def counted(api, result):
    metrics = api.get("/metrics").text
    return int(re.search(rf'^fairway_telemetry_spans_total{{result="{result}"}} (\d+)$', metrics, re.M).group(1))


def test_request_becomes_a_server_span(new_server, new_collector):
    collector = new_collector()
    server = traced(new_server, collector.url + "/")
    before = time.time_ns()
    answer = server.api.get("/api/jobs?limit=1", headers={
        "traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-Id": "request-of-the-test"})
    after = time.time_ns()
    assert answer.status == 200, answer
    span, = collector.wait_for(lambda s: s["name"] == "jobs.list", "the span")

    assert span["traceId"] == TRACE
    assert span["parentSpanId"] == PARENT
    assert re.fullmatch("[0-9a-f]{16}", span["spanId"]) and span["spanId"] not in (PARENT, "0" * 16)
    assert span["kind"] == 2
    assert isinstance(span["startTimeUnixNano"], str) and isinstance(span["endTimeUnixNano"], str)
    assert before - 10**7 <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) <= after + 10**8
    assert "status" not in span
    assert {"key": "http.response.status_code", "value": {"intValue": "200"}} in span["attributes"]
    assert attributes(span) == {
        "http.request.method": "GET", "http.route": "/api/jobs", "url.path": "/api/jobs",
        "http.response.status_code": "200", "fairway.request_id": "request-of-the-test"}

    path, headers, body, _ = collector.requests[0]
    assert path == "/v1/traces"
    assert headers["Content-Type"] == "application/json"
    resource = attributes(body["resourceSpans"][0]["resource"])
    assert resource["service.name"] == "fairway"
    assert resource["service.version"] and resource["service.instance.id"]


def test_ids_without_a_caller_and_refusals(new_server, new_collector):
    collector = new_collector()
    server = traced(new_server, collector.url)
    assert server.api.get("/api/jobs/nothing-like-it").status in (400, 404)
    assert server.api.get("/api/jobs?limit=0").status == 400
    spans = collector.wait_for(lambda s: s["name"] in ("jobs.list", "jobs.get"), "the spans")
    until(lambda: len([s for s in collector.spans() if s["name"] in ("jobs.list", "jobs.get")]) == 2,
          deadline_s=SENT_WITHIN_S)
    for span in spans:
        assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and span["traceId"] != "0" * 32
        assert "parentSpanId" not in span
        assert "status" not in span, "a mistake of the client is no error of the server"
    ids = [s["spanId"] for s in collector.spans()]
    assert len(set(ids)) == len(ids)


def test_caller_that_does_not_sample_is_followed(new_server, new_collector):
    collector = new_collector()
    server = traced(new_server, collector.url)
    for flags in ("00", "01"):
        trace = TRACE[:-2] + flags
        assert server.api.get("/api/jobs", headers={"traceparent": f"00-{trace}-{PARENT}-{flags}"}).status == 200
    collector.wait_for(lambda s: s["traceId"] == TRACE[:-2] + "01", "the sampled span")
    assert not [s for s in collector.spans() if s["traceId"] == TRACE[:-2] + "00"]


def test_job_run_becomes_a_span(new_server, new_collector):
    collector = new_collector()
    config = "catalog:\n  locations:\n    - {type: file, target: ./absent.yaml}\n"
    server = new_server(config=config, env={"FAIRWAY_TELEMETRY_OTLP_ENDPOINT": collector.url})
    span = collector.wait_for(lambda s: s["kind"] == 1, "the span of a job")[0]
    found = attributes(span)
    job = server.api.get("/api/jobs/" + found["job.id"]).json()
    assert job["type"] == found["job.type"] == span["name"]
    assert int(found["job.attempt"]) >= 1
    assert "parentSpanId" not in span


def test_outbound_call_becomes_a_client_span(new_server, new_collector):
    """The catalog reads a location over HTTP; the calls that send spans are not traced themselves."""
    collector = new_collector()
    config = (f"catalog:\n  locations:\n    - {{type: url, target: '{collector.url}/catalog-info.yaml'}}\n"
              f"reading:\n  allow:\n    - host: 127.0.0.1:{collector.server.server_port}\n")
    new_server(config=config, env={"FAIRWAY_TELEMETRY_OTLP_ENDPOINT": collector.url})
    span = collector.wait_for(lambda s: s["kind"] == 3, "the span of a call")[0]
    assert span["name"] == "GET"
    found = attributes(span)
    assert found["server.address"] == "127.0.0.1"
    assert int(found["server.port"]) == collector.server.server_port
    assert found["http.response.status_code"] == found["error.type"] == "501"  # the collector knows no GET
    assert span["status"] == {"code": 2}
    assert {attributes(s)["fairway.call.kind"] for s in collector.spans() if s["kind"] == 3} == {"catalog"}


def test_collector_away_for_a_moment(new_server, new_collector):
    """503 with Retry-After: the same spans come again, none twice, and nobody waits."""
    collector = new_collector((503, {"Retry-After": "1"}, b"{}"), (429, {}, b"{}"))
    server = traced(new_server, collector.url)
    for i in range(20):
        started = time.monotonic()
        trace = TRACE[:-4] + f"{i:04x}"
        assert server.api.get("/api/jobs", headers={"traceparent": f"00-{trace}-{PARENT}-01"}).status == 200
        assert time.monotonic() - started < 5
    wanted = {TRACE[:-4] + f"{i:04x}" for i in range(20)}
    until(lambda: wanted <= {s["traceId"] for s in collector.spans()}, deadline_s=30, what="all spans")
    got = [s["spanId"] for s in collector.spans()]
    assert len(set(got)) == len(got)
    assert [given for _, _, _, given in collector.requests][:2] == [503, 429]
    until(lambda: counted(server.api, "exported") >= 20)
    assert counted(server.api, "failed") == 0
    assert server.log().count("telemetry.export_failed") == 1
    assert "telemetry.export_resumed" in server.log()


@pytest.mark.parametrize("answer", [
    pytest.param((400, {}, b'{"code":3,"message":"no"}'), id="refused"),
    pytest.param((200, {}, b'{"partialSuccess":{"rejectedSpans":"100000","errorMessage":"no"}}'), id="partial"),
    pytest.param((307, {"Location": "/elsewhere"}, b""), id="redirect"),
])
def test_final_refusal_is_counted_and_not_sent_again(new_server, new_collector, answer):
    collector = new_collector(answer)
    server = traced(new_server, collector.url)
    until(lambda: counted(server.api, "failed") > 0, deadline_s=SENT_WITHIN_S, what="the count")
    refused = {s["spanId"] for s in collector.spans(answer[0])[:1]}
    server.api.get("/api/jobs")
    collector.wait_for(lambda s: s["name"] == "jobs.list", "later spans")
    assert len([s for s in collector.spans(answer[0]) + (collector.spans() if answer[0] != 200 else [])
                if s["spanId"] in refused]) == 1


def test_what_waits_is_sent_at_the_end(new_server, new_collector):
    collector = new_collector()
    server = traced(new_server, collector.url)
    for _ in range(700):  # more than one batch
        server.api.get("/api/health")
    server.api.get("/api/jobs", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    server.stop()
    assert [s for s in collector.spans() if s["traceId"] == TRACE]
    assert len(collector.spans()) >= 701


def test_unreachable_collector_costs_nothing(new_server):
    server = traced(new_server, "http://127.0.0.1:1")
    for _ in range(50):
        assert server.api.get("/api/jobs").status == 200
    until(lambda: "telemetry.export_failed" in server.log())
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 20


def test_off_by_default(server):
    assert "fairway_telemetry" not in server.api.get("/metrics").text


def test_endpoint_is_checked_at_the_start(binary, tmp_path):
    server = FairwayServer(dir=tmp_path, env={"FAIRWAY_TELEMETRY_OTLP_ENDPOINT": "collector:4318"})
    server.spawn()
    assert server.wait() == 2
    assert "telemetry.otlp_endpoint must be" in server.log()
