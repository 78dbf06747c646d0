# SPDX-License-Identifier: Apache-2.0
"""The documents: links lead somewhere, commands of the README are there."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.md"), *ROOT.glob("tests/*/*.md")]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_commands_of_the_readme_are_there():
    named = set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text()))
    rules = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert named and named <= rules, named - rules


def test_the_tests_that_the_security_pages_name_are_there():
    sources = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("src/**/*_test*.c"), *ROOT.glob("tools/*_test.py")]
    text = "\n".join(path.read_text() for path in sources)
    files = {path.name for path in sources}
    there = set(re.findall(r"^(?:def|static void) (test_\w+)\(", text, re.M))
    for page in ROOT.glob("docs/security/*.md"):
        named = re.findall(r"`(?:(\w+\.(?:py|c))(?:: (test_\w+))?|(test_\w+))`", page.read_text())
        assert {file for file, _, _ in named if file} <= files, page
        assert {test or alone for _, test, alone in named if test or alone} <= there, page
        for file, test, _ in named:
            assert not test or f"def {test}(" in next(p for p in sources if p.name == file).read_text(), f"{file}: {test}"
