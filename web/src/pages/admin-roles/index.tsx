// SPDX-License-Identifier: Apache-2.0
// Roles: what each gives, and who has it.
import { Button } from "@mantine/core";
import { useAddress, useParams } from "../../app/address";
import { usePermissions } from "../../app/permissions";
import { RecordList, RecordPage, record } from "../../records";
import { Link, Panel, Tags } from "../../ui";
import { Bindings } from "../admin-access/bindings";
import { PermissionMatrix } from "./matrix";

const SHOWN = 4;

const role = record({
  path: "/api/roles",
  resource: "Role",
  one: "role",
  many: "roles",
  live: ["roles.*"],
  page: "/admin/roles",
  name: (row) => row.name,
  columns: () => [
    { id: "name", header: "Name", sort: "name", width: "12rem", cell: (row) => <Link to={`/admin/roles/${row.id}`}>{row.name}</Link> },
    { id: "description", header: "For", priority: 2, cell: (row) => <span dir="auto">{row.description}</span> },
    {
      id: "permissions", header: "Permissions", width: "20rem", priority: 1,
      cell: (row) => <><code>{row.permissions.slice(0, SHOWN).join(", ")}</code>{row.permissions.length > SHOWN && <span className="fw-faint"> and {row.permissions.length - SHOWN} more</span>}</>,
    },
    { id: "from", header: "From", sort: "built_in", width: "8rem", priority: 2, cell: (row) => (row.built_in ? "Built in" : "Yours") },
  ],
  fields: [
    { name: "name", label: "Name", input: "text", required: true, description: "Lower-case letters, digits and dashes.", placeholder: "releaser" },
    { name: "description", label: "For", input: "area", description: "What it is for." },
    {
      name: "permissions", label: "Permissions", input: "own", required: true, initial: [],
      render: ({ value, onChange, disabled, error }) => <PermissionMatrix value={value as string[]} onChange={onChange} disabled={disabled === true} error={error} />,
    },
  ],
  wide: true,
  filters: [{ name: "built_in", label: "From", options: [{ value: "true", label: "Built in" }, { value: "false", label: "Yours" }] }],
  search: true,
  sort: "name",
  can: { create: true, update: true, delete: true },
  loses: "Whoever has it by a binding loses what it gives.",
  locked: (row) => (row.built_in ? "It comes with the server." : undefined),
  empty: { title: "No roles", code: "fairway roles create --name releaser --permissions Service:read --permissions 'ServiceVersion:*'" },
});

/** A copy of a role is how one changes what comes with the server. */
function CopyOf({ id }: { id: string }) {
  const { setQuery } = useAddress();
  const { may } = usePermissions();
  return may("Role:create") ? <Button onClick={() => setQuery({ new: id })}>Copy to a new role</Button> : null;
}

export default function Roles() {
  const { id } = useParams();
  if (!id) return <RecordList kind={role} lead="A role is a list of permissions. It gives them to whom it is bound, at the place where it is bound." />;
  return (
    <RecordPage
      kind={role}
      lead={(row) => <span dir="auto">{row.description}</span>}
      mark={(row) => (row.built_in ? <Tags tags={["built in"]} /> : null)}
      facts={(row) => [["Permissions", String(row.permissions.length)], ["From", row.built_in ? "It comes with the server and cannot be changed." : "Made here."]]}
      tabs={[{ id: "access", label: "Who has it", show: (row) => <Bindings title="Who has it" fixed={{ role_id: row.id }} initial={{ role_id: row.id }} hide={["role"]} /> }]}
      initialOf={(row) => ({ permissions: row.permissions, description: row.description ?? "" })}
    >
      {(row) => <Panel plain title="What it gives" actions={<CopyOf id={row.id} />}><PermissionMatrix value={row.permissions} /></Panel>}
    </RecordPage>
  );
}
