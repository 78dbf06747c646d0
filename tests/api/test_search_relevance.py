# SPDX-License-Identifier: Apache-2.0
"""The written list of what must be found first (search_relevance.yaml), on both databases."""
import json
import pathlib

import pytest
import yaml

from support import wait
from support.server import FairwayServer

LIST = yaml.safe_load((pathlib.Path(__file__).parent / "search_relevance.yaml").read_text())
KINDS = ["Component", "API", "System", "Domain", "Resource", "Group", "User", "Location"]


def entity(row):
    kind, spec = row["kind"], {}
    metadata = {k: row[k] for k in ("name", "namespace", "title", "description", "tags") if k in row}
    if kind in ("Group", "User"):
        spec["profile"] = {"displayName": row["display"], "email": row["email"]}
        spec.update({"type": "team", "children": []} if kind == "Group" else {"memberOf": []})
    else:
        spec["owner"] = row["owner"]
    if kind in ("Component", "API"):
        spec.update({"type": row.get("type", "service"), "lifecycle": row.get("lifecycle", "production")})
    if kind == "Resource":
        spec["type"] = row["type"]
    if kind == "API":
        spec["definition"] = row["definition"]
    return {"apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def catalog(request, binary, tmp_path_factory):
    """A server whose index has the whole list."""
    path = tmp_path_factory.mktemp("relevance") / "all.yaml"
    path.write_text("".join("---\n" + json.dumps(entity(row)) + "\n" for row in LIST["catalog"]))
    config = f"catalog:\n  locations:\n    - {{ type: file, target: {path}, rules: [{{ allow: {json.dumps(KINDS)} }}] }}\n"
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with FairwayServer(database_url=url, config=config) as server:
        def indexed():
            status = server.api.get("/api/search/status").json()
            return status["is_current"] and status["documents"] >= len(LIST["catalog"])
        wait.until(indexed, what="the index of the list")
        yield server.api


def refs(api, query):
    answer = api.get("/api/search", query={"q": query, "limit": 3})
    assert answer.status == 200, answer
    return [item["ref"] for item in answer.json()["items"]]


def test_the_list_is_long_enough():
    assert len(LIST["queries"]) >= 60


@pytest.mark.parametrize("row", LIST["queries"], ids=lambda row: f"{row['q']} -> {row['hit']}")
def test_what_is_meant_comes_first(catalog, row):
    found = refs(catalog, row["q"])
    assert row["hit"] in (found[:1] if row.get("first") else found), found
