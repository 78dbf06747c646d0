// SPDX-License-Identifier: Apache-2.0
// Organizations: the outermost boundary of what is stored.
import { useParams } from "../../app/address";
import { RecordList, RecordPage, RecordTable, record } from "../../records";
import { Code, Link, Panel } from "../../ui";
import { environment } from "../admin-environments/kind";
import { team } from "../admin-teams/kind";
import { Bindings } from "../admin-access/bindings";

const organization = record({
  path: "/api/organizations",
  resource: "Organization",
  one: "organization",
  many: "organizations",
  live: ["organizations.*"],
  page: "/admin/organizations",
  name: (row) => row.name,
  columns: () => [
    { id: "name", header: "Name", sort: "name", width: "14rem", cell: (row) => <Link to={`/admin/organizations/${row.id}`} dir="auto">{row.name}</Link> },
    { id: "slug", header: "Slug", sort: "slug", width: "12rem", priority: 3, cell: (row) => <code>{row.slug}</code> },
  ],
  fields: [
    { name: "name", label: "Name", input: "text", required: true, description: "For people." },
    { name: "slug", label: "Slug", input: "text", required: true, description: "In addresses: lower-case letters, digits and dashes." },
    { name: "settings", label: "Settings", input: "json", description: "Preferences of the organization, as JSON." },
  ],
  search: true,
  sort: "name",
  can: { create: true, update: true, delete: true, restore: true },
  loses: "Its teams, environments and services stay, but nobody reaches them through it any more.",
  empty: { title: "No organizations", text: "Everything that is stored belongs to one.", code: "fairway organizations create --name Acme --slug acme" },
});

export default function Organizations() {
  const { id } = useParams();
  if (!id) return <RecordList kind={organization} lead="The outermost boundary of everything that is stored." />;
  return (
    <RecordPage
      kind={organization}
      facts={(row) => [["Slug", <code key="slug">{row.slug}</code>]]}
      tabs={[
        { id: "teams", label: "Teams", show: (row) => <RecordTable kind={team} fixed={{ org_id: row.id }} hide={["org"]} /> },
        { id: "environments", label: "Environments", show: (row) => <RecordTable kind={environment} fixed={{ org_id: row.id }} hide={["org"]} /> },
        { id: "access", label: "Access", show: (row) => <Bindings fixed={{ scope_kind: "organization", scope_id: row.id }} initial={{ scope_kind: "organization", scope_id: row.id }} hide={["scope"]} /> },
      ]}
    >
      {(row) => (row.settings && Object.keys(row.settings).length > 0 ? <Panel title="Settings"><Code label="Settings" language="json" text={JSON.stringify(row.settings, null, 2)} /></Panel> : null)}
    </RecordPage>
  );
}
