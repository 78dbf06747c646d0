# SPDX-License-Identifier: Apache-2.0
"""What schemathesis is told about this API: how to call as an administrator, and which of its findings are none.

It calls operations that end sessions, deactivate people and take roles away like all others. So whoever calls is a
person made for it; when their token is not taken any more, another one is made. Who makes them (FAIRWAY_PROTECTED: the ids
of that administrator, their key and their bindings) is not to be changed: cases that name one of those ids are left out."""
import json
import os

import schemathesis

from support.api import Api
from support.identity import new_user

URL = os.environ["FAIRWAY_URL"]
PROTECTED = os.environ["FAIRWAY_PROTECTED"].split(",")
MAKER = {"Authorization": "Bearer " + os.environ["FAIRWAY_MAKER_KEY"]}
caller = {"made": 0, "token": None}

LONGEST_TARGET = 16 * 1024  # the HTTP server refuses more before anybody sees a request

# Findings that are none, each with its reason.
#   code of the finding, what else must hold, why
ACCEPTED = [
    ("ST108", lambda f, case, r: "fields" in (case.query or {}) and f.schema_path[-1] == "required",
     "`fields` leaves members out, as it is asked to; a schema cannot say so"),
    ("ST103", lambda f, case, r: r.status_code in (414, 431) and len(r.request.url) > LONGEST_TARGET,
     "the HTTP library answers by itself when a request line does not fit its memory: no operation was reached"),
    ("ST201", lambda f, case, r: r.status_code in (414, 431) and len(r.request.url) > LONGEST_TARGET,
     "414 is a refusal"),
    ("ST201", lambda f, case, r: r.status_code == 412 or r.status_code == 413,
     "412 and 413 are refusals"),
    ("ST204", lambda f, case, r: case.operation.path.startswith(("/api/catalog", "/api/search")) and r.status_code == 404,
     "Backstage answers a method it does not have with 404"),
    ("ST202", lambda f, case, r: r.status_code == 406 and case.operation.path == "/api/events/changes",
     "what gives only a stream is asked for one by Accept, which a schema cannot say"),
    ("ST202", lambda f, case, r: r.status_code in (412, 422),
     "422 is for rules that a schema cannot say (ids that must exist, dates in the future), 412 for revisions that have passed"),
    ("ST202", lambda f, case, r: r.status_code == 400 and case.operation.path.startswith("/api/catalog/"),
     "Backstage answers 400 to whatever it refuses"),
    ("ST202", lambda f, case, r: r.status_code == 400 and refused(r) & {"query:cursor", "query:after", "query:step"},
     "a cursor is one of a page before, a position one of the stream, a step divides its window"),
    ("ST202", lambda f, case, r: r.status_code == 400 and any(beyond_64_bits(v) for v in (case.query or {}).values()),
     "whole numbers have 64 bits"),
]


def beyond_64_bits(value):
    return any(beyond_64_bits(v) for v in value) if isinstance(value, list) else isinstance(value, int) and abs(value) >= 2**63


def refused(response):
    """The fields that a problem names."""
    return {e["pointer"] for e in json.loads(response.content).get("errors", [])}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    return not any(code == failure.code and holds(failure, case, response) for code, holds, _ in ACCEPTED)


@schemathesis.auth(refresh_interval=None)
class Administrator:
    def get(self, case, context):
        if not caller["token"]:
            caller["made"] += 1
            made = new_user(Api(URL, headers=MAKER), f"caller-{caller['made']}@example.org")  # on a connection of its own
            caller["token"] = made.tokens["access_token"]
        return caller["token"]

    def set(self, case, data, context):
        case.headers = {**(case.headers or {}), "Authorization": "Bearer " + data}


@schemathesis.hook
def after_call(context, case, response):
    """Not signed in any more, or without the role: somebody else goes on."""
    sent = response.request.headers.get("Authorization")
    if response.status_code in (401, 403) and sent == f"Bearer {caller['token']}" and "x-public" not in case.operation.definition.raw:
        caller["token"] = None


@schemathesis.hook
def filter_case(context, case):
    said = json.dumps([case.path_parameters, case.query, case.body], default=str)
    return not any(id in said for id in PROTECTED)
