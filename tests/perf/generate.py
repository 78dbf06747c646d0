#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a catalog of a given size, the same every time: all.yaml (a Location) and files of 100 entities.

    generate.py COUNT FOLDER

70% components, 12% APIs, 10% users, 5% systems, 3% groups; each component has an owner, a system, three
APIs and two dependencies."""
import json
import pathlib
import random
import sys

PER_FILE = 100
WORDS = ("alpha amber atlas beacon birch cargo cedar cobalt comet copper delta ember falcon fern garnet harbor indigo "
         "jasper kestrel lagoon lumen maple meadow nimbus onyx orchid pearl quartz raven ripple sable saffron slate "
         "solstice summit thistle topaz tundra violet willow").split()
TAGS = "data go infra java ml mobile node payments python rust search web".split()
LIFECYCLES = ["deprecated", "experimental", "production"]


def counts(total):
    groups, users = max(1, total * 3 // 100), total * 10 // 100
    systems, apis = max(1, total * 5 // 100), total * 12 // 100
    return {"group": groups, "user": users, "system": systems, "api": apis,
            "component": total - groups - users - systems - apis}


class Generator:
    def __init__(self, total):
        self.of = counts(total)
        self.random = random.Random(42)

    def text(self, words):
        return " ".join(self.random.choice(WORDS) for _ in range(words))

    def one(self, kind):
        return f"{'team' if kind == 'group' else kind}-{self.random.randrange(self.of[kind]):05d}"

    def tags(self, count):
        return sorted(self.random.sample(TAGS, count))

    @staticmethod
    def entity(kind, name, spec, **metadata):
        return {"apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}

    def group(self, i):
        spec = {"type": "team", "profile": {"displayName": f"Team {self.text(2)}", "email": f"team{i}@example.com"},
                "children": []}
        if i:
            spec["parent"] = f"team-{(i - 1) // 4:05d}"
        return self.entity("Group", f"team-{i:05d}", spec, description=self.text(6))

    def user(self, i):
        profile = {"displayName": f"User {self.text(2)}", "email": f"user{i}@example.com"}
        return self.entity("User", f"user-{i:05d}",
                           {"profile": profile, "memberOf": sorted({self.one("group"), self.one("group")})})

    def system(self, i):
        return self.entity("System", f"system-{i:05d}", {"owner": self.one("group")}, description=self.text(8), tags=self.tags(2))

    def api(self, i):
        spec = {"type": self.random.choice(["asyncapi", "grpc", "openapi"]), "lifecycle": self.random.choice(LIFECYCLES),
                "owner": self.one("group"), "system": self.one("system"),
                "definition": f"openapi: 3.0.0\ninfo: {{title: {self.text(3)}, version: 1.0.0}}\npaths: {{}}\n"}
        return self.entity("API", f"api-{i:05d}", spec, description=self.text(8), tags=self.tags(2))

    def component(self, i):
        name = f"component-{i:05d}"
        spec = {"type": self.random.choice(["library", "service", "website"]), "lifecycle": self.random.choice(LIFECYCLES),
                "owner": self.one("group"), "system": self.one("system"),
                "providesApis": [self.one("api")], "consumesApis": sorted({self.one("api"), self.one("api")})}
        if i:
            spec["dependsOn"] = sorted({f"component:component-{self.random.randrange(i):05d}" for _ in range(2)})
        return self.entity("Component", name, spec, title=f"{self.text(2)} {i}", description=self.text(10),
                           labels={"tier": str(self.random.randrange(4))}, tags=self.tags(3),
                           annotations={"example.com/project-slug": f"org/{name}"},
                           links=[{"url": f"https://example.com/{name}", "title": "Dashboard"}])

    def entities(self):
        for kind, count in self.of.items():
            for i in range(count):
                yield getattr(self, kind)(i)


def write(total, folder):
    """The path of the Location to register. A folder that is there already is taken as it is."""
    folder = pathlib.Path(folder)
    location = folder / "all.yaml"
    if location.exists():
        return location
    folder.mkdir(parents=True, exist_ok=True)
    parts, lines = [], []

    def flush():
        if lines:
            parts.append(f"./part-{len(parts):05d}.yaml")
            (folder / parts[-1]).write_text("".join(lines))
            lines.clear()

    for entity in Generator(total).entities():
        lines.append("---\n" + json.dumps(entity) + "\n")
        if len(lines) == PER_FILE:
            flush()
    flush()
    location.write_text(json.dumps(Generator.entity("Location", f"bench-{total}", {"type": "file", "targets": parts})) + "\n")
    return location


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[1].isdigit():
        sys.exit(__doc__)
    print(write(int(sys.argv[1]), sys.argv[2]))
