#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of fairway-contract: contract_test.py FAIRWAY_CONTRACT COMMON_YAML CC SRC"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

TOOL, COMMON, CC, SRC = sys.argv[1:5]

HEAD = "x-module: m\ntags: [{ name: M, description: Em. }]\n"
RECORD = """\
components:
  schemas:
    Car:
      description: A car.
      x-record: { table: cars, soft_delete: true, list: [name], search: [name], where: "kind = 'car'" }
      type: object
      required: [name]
      additionalProperties: false
      properties:
        name: { type: string, minLength: 2 }
        plate: { type: string, x-immutable: true }
        key: { type: string, minLength: 8, x-secret: true }
        owner_id: { type: string, x-references: Car }
        color: { type: string, enum: [red, blue] }
        state: { type: string, readOnly: true }
        extra: { type: object }
      examples: [{ name: Beetle, plate: A1, key: 12345678 9 }]
"""
OPERATION = """\
paths:
  /x/{id}:
    get:
      operationId: x.get
      summary: Read it
      x-permission: { action: read, on: X }
      parameters:
        - { name: id, in: path, required: true, description: Id., schema: { type: string } }
      responses: { "200": { description: It. } }
"""


class Contract(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.addCleanup(self.tmp.cleanup)

    def path(self, name):
        return os.path.join(self.tmp.name, name)

    def run_tool(self, *texts):
        files = []
        for i, text in enumerate(texts):
            files.append(self.path(f"f{i}.yaml"))
            with open(files[-1], "w", encoding="utf-8") as f:
                f.write(text)
        return subprocess.run([TOOL, self.tmp.name, COMMON, *files], capture_output=True, text=True)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def documents(self, *texts):
        made = self.run_tool(*texts)
        self.assertEqual(made.returncode, 0, made.stderr)
        return [json.loads(self.read(n)) for n in ("contract.json", "openapi.json")]

    def refused(self, text, message, *more):
        made = self.run_tool(text, *more)
        self.assertEqual(made.returncode, 1, made.stderr)
        self.assertIn(message, made.stderr)

    def test_record_schemas(self):
        full, _ = self.documents(HEAD + RECORD + "paths: { /cars: { x-records: Car } }\n")
        schemas = full["components"]["schemas"]
        car, write, patch = schemas["Car"], schemas["CarWrite"], schemas["CarPatch"]
        self.assertEqual(list(car["properties"])[0], "id")
        for name in ("created_at", "updated_at", "created_by", "updated_by", "deleted_at", "deleted_by"):
            self.assertTrue(car["properties"][name]["readOnly"])
        self.assertEqual(car["required"], ["id", "created_at", "updated_at", "name"])
        self.assertEqual(car["properties"]["key"], {"type": "string", "x-secret": True})
        self.assertEqual(car["examples"][0]["key"], "********")
        self.assertEqual(write["properties"]["key"]["minLength"], 8)
        self.assertEqual(list(write["properties"]), ["name", "plate", "key", "owner_id", "color", "extra"])
        self.assertEqual(write["required"], ["name"])
        self.assertNotIn("plate", patch["properties"])
        self.assertEqual(patch["properties"]["name"], {"type": "string", "minLength": 2})
        self.assertEqual(patch["properties"]["color"], {"type": ["string", "null"], "enum": ["red", "blue", None]})
        self.assertEqual(patch["examples"], [{"name": "Beetle"}])
        self.assertEqual(schemas["CarList"]["properties"]["items"]["items"], {"$ref": "#/components/schemas/Car"})

    def test_record_operations(self):
        full, published = self.documents(HEAD + RECORD + "paths: { /cars: { x-records: Car } }\n")
        made = {}
        for path, item in full["paths"].items():
            for method, op in item.items():
                made[op["operationId"]] = (method, path, op)
        self.assertEqual({k: v[:2] for k, v in made.items()}, {
            "cars.list": ("get", "/api/cars"), "cars.create": ("post", "/api/cars"),
            "cars.get": ("get", "/api/cars/{id}"), "cars.replace": ("put", "/api/cars/{id}"),
            "cars.patch": ("patch", "/api/cars/{id}"), "cars.delete": ("delete", "/api/cars/{id}"),
            "cars.restore": ("post", "/api/cars/{id}/restore"), "cars.history": ("get", "/api/cars/{id}/history")})
        listing = made["cars.list"][2]
        self.assertEqual(listing["x-records"], {"schema": "Car", "verb": "list"})
        self.assertEqual(listing["x-permission"], {"action": "read", "on": "Car"})
        names = [p.get("name") or p["$ref"].split("/")[-1] for p in listing["parameters"]]
        self.assertEqual(names[:5], ["Limit", "Cursor", "Total", "Search", "IncludeDeleted"])
        filters = [p["name"] for p in listing["parameters"] if p.get("x-filter")]
        self.assertIn("color", filters)
        self.assertIn("created_at", filters)
        self.assertNotIn("key", filters)    # a secret
        self.assertNotIn("extra", filters)  # an object
        sort = next(p for p in listing["parameters"] if p.get("name") == "sort")
        self.assertIn("-created_at", sort["schema"]["items"]["enum"])
        self.assertNotIn("key", sort["schema"]["items"]["enum"])
        create = made["cars.create"][2]
        self.assertEqual(create["x-idempotent"], "key")
        self.assertEqual(create["requestBody"]["content"]["application/json"]["example"]["name"], "Beetle")
        self.assertEqual(list(create["responses"]), ["201", "400", "401", "403", "409", "413", "415", "422", "429", "500", "507"])
        self.assertIn("412", made["cars.patch"][2]["responses"])
        self.assertIn("304", made["cars.get"][2]["responses"])
        # what is published says nothing of tables and threads
        text = json.dumps(published)
        for word in ('"table"', '"where"', '"x-run"', '"x-module"', '"x-strict-query"'):
            self.assertNotIn(word, text)
            self.assertIn(word, json.dumps(full))
        self.assertEqual(published["components"]["schemas"]["Car"]["x-record"]["list"], ["name"])
        self.assertNotIn("BackstageError", published["components"]["responses"])

    def test_records_are_limited_and_changed(self):
        full, _ = self.documents(HEAD + "  # another tag\n" + RECORD + """\
paths:
  /shops/{shop_id}/cars:
    x-records: { schema: Car, only: [list, get], tag: M, operations: { get: { x-run: inline, summary: Look } } }
""")
        self.assertEqual(list(full["paths"]), ["/api/shops/{shop_id}/cars", "/api/shops/{shop_id}/cars/{id}"])
        get = full["paths"]["/api/shops/{shop_id}/cars/{id}"]["get"]
        self.assertEqual((get["operationId"], get["x-run"], get["summary"]), ("shops.cars.get", "inline", "Look"))
        self.assertEqual([p["name"] for p in get["parameters"] if p.get("in") == "path"], ["shop_id", "id"])

    def test_handlers(self):
        self.documents(HEAD + RECORD + OPERATION + "  /cars: { x-records: Car }\n"
                       "  //root-thing/go:\n    post: { operationId: root-thing.go-now, summary: Go, x-public: true, "
                       "responses: { '204': { description: Gone. } } }\n")
        header = self.read("contract_handlers.h")
        self.assertIn("Rc x_get(Ctx *cx, Call *call);", header)
        self.assertIn("Rc root_thing_go_now(Ctx *cx, Call *call);", header)
        self.assertNotIn("cars_", header)
        full = json.loads(self.read("contract.json"))
        self.assertEqual(full["paths"]["/root-thing/go"]["post"]["security"], [])

        def compiled(main):
            with open(self.path("main.c"), "w", encoding="utf-8") as f:
                f.write(main)
            return subprocess.run([CC, "-std=gnu17", "-D_GNU_SOURCE", "-Wmissing-prototypes", "-Werror", "-I", SRC, "-I",
                                   self.tmp.name, "-o", self.path("main"), self.path("main.c"),
                                   self.path("contract_handlers.c")], capture_output=True, text=True)
        include = '#include "contract_handlers.h"\n'
        one = "Rc x_get(Ctx *cx, Call *call) { return cx && call ? RC_OK : RC_INTERNAL; }\n"
        two = one.replace("x_get", "root_thing_go_now")
        main = "int main(void) { return (int)contract_n_handlers; }\n"
        self.assertEqual(compiled(include + one + two + main).returncode, 0)
        self.assertEqual(subprocess.run([self.path("main")]).returncode, 2)
        self.assertIn("undefined reference", compiled(include + one + main).stderr)
        orphan = compiled(include + one + two + one.replace("x_get", "x_gone") + main)
        self.assertIn("x_gone", orphan.stderr)
        self.assertNotEqual(orphan.returncode, 0)

    def test_changed_operations_want_a_way_back(self):
        self.documents(HEAD + OPERATION.replace("x-permission", "x-changed: [{ version: '2026-11-25', what: It. }]\n      x-permission"))
        self.assertIn("Rc x_get_before_2026_11_25(Ctx *cx, Call *call);", self.read("contract_handlers.h"))
        self.assertIn('{"x.get@2026-11-25", x_get_before_2026_11_25},', self.read("contract_handlers.c"))

    def test_unchanged_output_keeps_its_time(self):
        self.documents(HEAD + OPERATION)
        os.utime(self.path("contract_handlers.h"), (1, 1))
        self.documents(HEAD + OPERATION.replace("Read it", "Look at it"))
        self.assertEqual(os.stat(self.path("contract_handlers.h")).st_mtime, 1)

    def test_backstage_files(self):
        full, _ = self.documents("x-mount: /api/back\nx-errors: backstage\n" + HEAD
                                 + OPERATION.replace("/x/{id}", "/back/x/{id}"))
        op = full["paths"]["/api/back/x/{id}"]["get"]
        self.assertEqual((op["x-errors"], op["x-mount"], op["x-strict-query"]), ("backstage", "/api/back", False))
        self.assertEqual(op["responses"]["404"], {"$ref": "#/components/responses/BackstageError"})

    def test_mistakes(self):
        good = HEAD + OPERATION
        for text, message in [
            (good.replace("x-permission", "x-permision"), 'f0.yaml:8: there is no key "x-permision"'),
            (good.replace("      x-permission: { action: read, on: X }\n", ""), "f0.yaml:6: get /api/x/{id} needs x-permission"),
            (good.replace("      summary: Read it\n", ""), "needs a summary"),
            (good.replace("x.get", "xGet"), 'operationId "xGet" must be'),
            (good.replace("x.get", "get"), 'operationId "get" must be'),
            (good.replace("{ type: string }", "{ $ref: '#/components/schemas/Nope' }"), '"#/components/schemas/Nope" leads nowhere'),
            (good.replace("name: id", "name: di"), "must stand in /api/x/{id}"),
            (good.replace("required: true, ", ""), "be required"),
            (good.replace("{ type: string }", "{ type: strng }"), "the schema is not valid"),
            (good.replace("{ type: string }", "{ type: string, minLength: 3 }, example: ab"), "the example does not fit its schema"),
            (good.replace('{ "200": { description: It. } }', '{ "404": { description: No. } }'), "needs the response of its success"),
            (good.replace('responses: { "200": { description: It. } }', "tags: [Z]\n      responses: { '200': { description: It. } }"),
             'the tag "Z" is not declared'),
            (good.replace("x-module: m\n", ""), "names its module"),
            (good.replace("x-permission", "x-run: fast\n      x-permission"), "x-run is inline, worker or stream"),
            (good.replace("x-permission", "x-max-body: -1\n      x-permission"), "x-max-body is a number"),
            (good.replace("x-permission", "x-rate: often\n      x-permission"), "x-rate is auth or none"),
            (good.replace("x-permission", "x-changed: [{ version: '1999-01-01', what: It. }]\n      x-permission"), "x-changed is a list"),
            (good.replace("x-permission", "x-changed: [{ version: '2026-11-25' }]\n      x-permission"), "x-changed is a list"),
            (good.replace("x-permission", "x-changed: [{ version: '2026-11-20', what: It. }, { version: '2026-11-25', what: It. }]\n"
                          "      x-permission"), "newest first"),
            (good.replace("    get:", "    fetch:"), '"fetch" is neither a method'),
            (good.replace("  /x/{id}:", "  x/{id}:"), "must begin with /"),
            (good + "info: {}\n", '"info" is not a key of a module\'s file'),
            ("x-mount: /api/other\n" + good, "lies outside of x-mount"),
            ("x-errors: odd\n" + good, 'x-errors is "problem" or "backstage"'),
            (HEAD + "a: [", "f0.yaml:"),
            (HEAD + RECORD.replace("where:", "wear:"), 'x-record has no key "wear"'),
            (HEAD + RECORD.replace("list: [name]", "list: [nme]"), 'there is no property "nme"'),
            (HEAD + RECORD.replace("x-references: Car", "x-references: Horse"), '"Horse" is no record'),
            (HEAD + RECORD.replace("name: Beetle", "name: B"), "the example does not fit its schema: /name"),
            (HEAD + RECORD.replace("state:", "created_at:"), '"created_at" is a standard property'),
            (HEAD + RECORD.replace("table: cars,", ""), "x-record names its table"),
            (HEAD + RECORD + "paths: { /cars: { x-records: Cart } }\n", '"Cart" is no schema with x-record'),
            (HEAD + RECORD + "paths: { /cars: { x-records: { schema: Car, only: [lst] } } }\n", '"lst" is no operation of records'),
            (HEAD + RECORD + "paths: { /cars: { x-records: { schema: Car, olny: [list] } } }\n", 'x-records has no key "olny"'),
            (HEAD + RECORD + "paths: { /cars: { x-records: Car }, /autos: { x-records: Car } }\n", "already has operations at another path"),
            (HEAD + RECORD.replace("      examples: [{ name: Beetle, plate: A1, key: 12345678 9 }]\n", "")
             + "paths: { /cars: { x-records: Car } }\n", "needs `examples`"),
        ]:
            with self.subTest(message=message):
                self.refused(text, message)

    def test_clashes_between_files(self):
        good = HEAD + OPERATION
        other = OPERATION.replace("x.get", "y.get")
        self.refused(good, 'tag "M" is already there', HEAD + other.replace("/x/", "/y/"))
        self.refused(good, "get /api/x/{id} is already there", "x-module: n\n" + other.replace("x-perm", "tags: [M]\n      x-perm"))
        self.refused(good, 'operationId "x.get" is already there', "x-module: n\n" + OPERATION.replace("/x/", "/y/")
                     .replace("x-perm", "tags: [M]\n      x-perm"))
        self.refused(HEAD + RECORD, "components/schemas/Car is already there, line 6 of", RECORD)

    def test_reference(self):
        with open(self.path("m.yaml"), "w", encoding="utf-8") as f:
            f.write(HEAD + RECORD + OPERATION + "  /cars: { x-records: Car }\n")
        subprocess.run([TOOL, "--reference", self.path("api.md"), COMMON, self.path("m.yaml")], check=True)
        text = self.read("api.md")
        for part in ("## M\n", "### cars.list\n", "`GET /api/x/{id}`: Read it. Needs `read` on `X`.", "| `id` (required) | path |",
                     "### CarWrite\n", "| `color` | `red`, `blue` |"):
            self.assertIn(part, text)

    def test_usage(self):
        self.assertEqual(subprocess.run([TOOL], capture_output=True).returncode, 2)
        gone = subprocess.run([TOOL, self.tmp.name, "/nowhere.yaml"], capture_output=True, text=True)
        self.assertEqual(gone.returncode, 1)
        self.assertIn("/nowhere.yaml", gone.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
