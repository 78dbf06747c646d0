# SPDX-License-Identifier: Apache-2.0
"""Versions of the API: what is answered to those who ask for an older one."""
import email.utils
import re

import pytest

from support.server import ROOT

NEWEST, OLDER = "2026-11-25", "2026-11-20"


def ask(api, path, version):
    return api.get(path, headers={"Fairway-Version": version} if version else {})


@pytest.mark.parametrize("version", [None, NEWEST])
def test_the_newest_version(api, version):
    answer = ask(api, "/api", version)
    assert answer.status == 200 and answer.headers["Fairway-Version"] == NEWEST
    assert "Deprecation" not in answer.headers and "Sunset" not in answer.headers
    index = answer.json()
    assert index["api"] == {"version": NEWEST, "versions": [NEWEST, OLDER]} and "api_version" not in index


def test_an_older_answer_has_its_old_form(api):
    newest, answer = ask(api, "/api", None).json(), ask(api, "/api", OLDER)
    assert answer.status == 200 and answer.headers["Fairway-Version"] == OLDER
    old = answer.json()
    assert old.pop("api_version") == newest.pop("api")["version"]
    assert old == newest, "the rest is the same"
    deprecated = int(re.fullmatch(r"@(\d+)", answer.headers["Deprecation"]).group(1))
    sunset = email.utils.parsedate_to_datetime(answer.headers["Sunset"])
    assert deprecated == 1795564800  # 2026-11-25, when there was a newer one
    assert sunset.isoformat() == "2027-11-25T00:00:00+00:00" and sunset.timestamp() > deprecated
    assert int(answer.headers["Content-Length"]) == len(answer.body)


def test_operations_that_have_not_changed_tell_it_too(api):
    answer = ask(api, "/api/organizations", OLDER)
    assert answer.status == 200 and answer.json() == ask(api, "/api/organizations", None).json()
    assert answer.headers["Fairway-Version"] == OLDER and "Sunset" in answer.headers and "Deprecation" in answer.headers
    missing = ask(api, "/api/organizations/018f0000-0000-7000-8000-000000000000", OLDER)
    assert missing.status == 404 and missing.json()["code"] == "not-found" and missing.headers["Fairway-Version"] == OLDER


@pytest.mark.parametrize("version", ["2026-11-21", "2026-11-19", "1999-01-01", "latest", "2026-11-25, 2026-11-20", "x" * 500])
def test_other_versions_are_refused_by_name(api, version):
    answer = ask(api, "/api", version)
    assert answer.status == 400
    problem = answer.json()
    assert f"{NEWEST} or {OLDER}" in problem["detail"]
    assert problem["errors"] == [{"pointer": "header:Fairway-Version", "detail": f"must be {NEWEST} or {OLDER}"}]
    assert ask(api, "/api/catalog/entities", version).status == 400


def test_every_version_and_change_is_documented(api):
    document = api.get("/api/openapi.json").json()
    page = (ROOT / "docs" / "reference" / "versioning.md").read_text()
    rows = re.findall(r"^\| (\d{4}-\d\d-\d\d) \| (.*) \| (\S*) ?\|$", page, re.M)
    versions = [document["info"]["version"]] + [v["version"] for v in document["info"]["x-versions"]]
    assert [row[0] for row in rows] == versions
    for path in document["paths"].values():
        for operation in path.values():
            for change in operation.get("x-changed", []) if isinstance(operation, dict) else []:
                assert any(row[0] == change["version"] and change["what"] in row[1] for row in rows), change
