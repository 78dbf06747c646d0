#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the #includes of src/ against src/modules.txt: layers point downwards, modules use each other only as
declared and only by their own header, headers named *_priv.h stay in their folder. Prints each offence; exit 1."""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def load(path):
    rules = {}
    for line in path.read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            unit, _, allowed = line.partition(":")
            rules[unit] = allowed.split()
    for unit, allowed in rules.items():
        for other in allowed:
            known = other in rules or other.endswith(".h")
            if not known:
                raise SystemExit(f"{path}: {unit} uses {other}, which has no line")
    return rules


def unit_of(path, rules):
    """The most specific line that a path below src/ belongs to."""
    parents = [str(parent) for parent in pathlib.PurePath(path).parents]
    return next((parent for parent in parents if parent in rules), None)


def check_include(rules, file, name, src):
    """Why `file` may not include `name` (both relative to src/), or None."""
    folder = str(pathlib.PurePath(file).parent)
    if not (src / name).exists():
        beside = f"{folder}/{name}"
        if not (src / beside).exists():
            return None  # generated at build, or of tests/
        name = beside
    mine, theirs = unit_of(file, rules), unit_of(name, rules)
    header_folder = str(pathlib.PurePath(name).parent)
    if theirs is None:
        return f"{name} belongs to no line of modules.txt"
    if pathlib.PurePath(name).stem.endswith("_priv") and header_folder != folder:
        return f"{name} is private to {header_folder}"
    if mine == theirs:
        return None
    if theirs not in rules[mine]:
        return f"{mine} may not use {theirs}"
    if theirs.startswith("modules/"):
        public = f"{theirs}/{theirs.split('/')[1]}.h"
        if name != public and name not in rules[mine]:
            return f"{name} is not what {theirs} offers ({public})"
    return None


def check(src):
    rules = load(src / "modules.txt")
    offences = []
    for path in sorted([*src.rglob("*.c"), *src.rglob("*.h")]):
        file = str(path.relative_to(src))
        if unit_of(file, rules) is None:
            offences.append(f"src/{file}: has no line in src/modules.txt")
            continue
        for name in INCLUDE.findall(path.read_text()):
            why = check_include(rules, file, name, src)
            if why:
                offences.append(f"src/{file}: #include \"{name}\": {why}")
    return offences


def main():
    src = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[1] / "src")
    offences = check(src)
    for offence in offences:
        print(offence)
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
