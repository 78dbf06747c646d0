// SPDX-License-Identifier: Apache-2.0
// Kinds of entities that people define themselves: their schema, relations and calculated properties.
import { useParams } from "../../app/address";
import { RecordList, RecordPage, record } from "../../records";
import { Code, Link, Panel } from "../../ui";
import { parsed } from "./outline";
import { Preview } from "./preview";

const SCHEMA = JSON.stringify({ required: ["spec"], properties: { spec: { type: "object", required: ["owner"], properties: { owner: { type: "string" } } } } }, null, 2);
const RELATIONS = JSON.stringify([{ field: "spec.owner", type: "ownedBy", inverse: "ownerOf", default_kind: "Group" }], null, 2);
const json = (value: unknown) => JSON.stringify(value, null, 2);

const kind = record({
  path: "/api/catalog-kinds",
  resource: "CatalogKind",
  one: "kind",
  many: "kinds",
  live: ["catalog-kinds.*"],
  page: "/admin/kinds",
  name: (row) => row.title ?? row.name,
  columns: () => [
    { id: "name", header: "Kind", sort: "name", width: "12rem", cell: (row) => <Link to={`/admin/kinds/${row.id}`}>{row.name}</Link> },
    { id: "title", header: "Title", sort: "title", width: "14rem", priority: 2, cell: (row) => <span dir="auto">{row.title}</span> },
    { id: "versions", header: "apiVersion", width: "16rem", priority: 1, cell: (row) => <code>{row.api_versions.join(", ")}</code> },
    { id: "description", header: "What belongs to it", priority: 1, cell: (row) => <span dir="auto">{row.description}</span> },
  ],
  fields: [
    { name: "name", label: "Kind", input: "text", required: true, fixed: true, description: "The `kind` of its entities: letters and digits.", placeholder: "Dataset" },
    { name: "title", label: "Title", input: "text", description: "What people call it." },
    { name: "description", label: "What belongs to it", input: "area" },
    { name: "api_versions", label: "apiVersion", input: "list", required: true, description: "The values its entities may have.", placeholder: "example.com/v1" },
    { name: "schema", label: "Schema", input: "json", initial: JSON.parse(SCHEMA) as unknown, description: "JSON Schema (draft-07 or 2020-12) that its entities must satisfy beyond what holds for every entity." },
    { name: "relations", label: "Relations", input: "json", initial: JSON.parse(RELATIONS) as unknown, description: "Which fields point at other entities: field, type, inverse, default_kind." },
    { name: "properties", label: "Calculated properties", input: "json", description: "Shown under spec.calculated: from, count or template of each." },
  ],
  wide: true,
  preview: (values) => (
    <Preview typed name={String(values["name"] ?? "")} apiVersions={Array.isArray(values["api_versions"]) ? (values["api_versions"] as string[]) : []} schema={parsed(values["schema"])} relations={parsed(values["relations"])} />
  ),
  search: true,
  sort: "name",
  can: { create: true, update: true, delete: true },
  loses: "Its entities keep their last good state, with a problem beside it, until the kind is there again.",
  empty: { title: "No kinds of your own yet", text: "Component, API, Resource, System, Domain, Group, User, Location and Template are built in. Define what else your catalog is to hold.", code: "fairway catalog-kinds create --data @dataset.yaml" },
});

export default function Kinds() {
  const { id } = useParams();
  if (!id) return <RecordList kind={kind} lead="Kinds of entities of your own, beside the built-in ones. Storing one reads every source again." />;
  return (
    <RecordPage
      kind={kind}
      lead={(row) => <span dir="auto">{row.description}</span>}
      facts={(row) => [
        ["Kind", <code key="name">{row.name}</code>],
        ["apiVersion", <code key="versions">{row.api_versions.join(", ")}</code>],
        ["Its entities", <Link key="entities" to={`/catalog?kind=${encodeURIComponent(row.name.toLowerCase())}`}>In the catalog</Link>],
      ]}
      tabs={[{
        id: "definition", label: "Definition",
        show: (row) => (
          <>
            <Panel plain title="Schema"><Code label="Schema" language="json" numbered lines={30} text={json(row.schema ?? {})} /></Panel>
            {row.relations && <Panel plain title="Relations"><Code label="Relations" language="json" lines={20} text={json(row.relations)} /></Panel>}
            {row.properties && <Panel plain title="Calculated properties"><Code label="Calculated properties" language="json" lines={20} text={json(row.properties)} /></Panel>}
          </>
        ),
      }]}
    >
      {(row) => <Preview name={row.name} apiVersions={row.api_versions} schema={row.schema} relations={row.relations} />}
    </RecordPage>
  );
}
