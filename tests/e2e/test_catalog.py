# SPDX-License-Identifier: Apache-2.0
"""The catalog and its administration in a browser: finding, filtering, sharing, by the keyboard, live."""
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from e2e.stage import check, play
from support import wait
from support.identity import NO_LIMITS, first_admin
from support.server import ROOT, FairwayServer

SCENARIOS = ["filtering", "sorting", "nothingFound", "byKeyboard", "registering", "administering", "live", "hostile", "noScript", "opening"]


def component(title):
    return ("apiVersion: backstage.io/v1alpha1\nkind: Component\n"
            f"metadata: {{name: watched, title: {title}}}\nspec: {{type: service, lifecycle: production, owner: guests}}\n")


class Writer:
    """Changes the file when it is told to: POST /?title=…"""

    def __init__(self, path):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                [title] = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["title"]
                path.write_text(component(title))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def results(binary, tmp_path_factory):
    path = tmp_path_factory.mktemp("catalog") / "catalog-info.yaml"
    path.write_text(component("Watched"))
    config = ("catalog:\n  processing_interval: 1s\n  locations:\n"
              f"    - {{type: file, target: {ROOT}/example/catalog/**/*.yaml}}\n    - {{type: file, target: {path}}}\n")
    writer = Writer(path)
    try:
        with FairwayServer(auth=None, env=NO_LIMITS, config=config) as server:
            admin = first_admin(server)
            wait.until(lambda: admin.get("/api/catalog/entities/by-query?limit=0").json()["totalItems"] >= 38, what="the catalog")
            yield play("catalog", server, {"admin": admin.tokens["access_token"], "email": "admin@example.org", "write": writer.url})
    finally:
        writer.close()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_catalog(results, scenario):
    check(results, scenario)
