// SPDX-License-Identifier: Apache-2.0
import { record } from "../../records";
import { Link, Status } from "../../ui";
import type { State } from "../../ui";

const STATES: Record<string, { state: State; label: string }> = {
  active: { state: "good", label: "Active" },
  invited: { state: "warn", label: "Invited" },
  deactivated: { state: "paused", label: "Deactivated" },
};

export function PersonStatus({ status, erased }: { status?: string | undefined; erased?: string | undefined }) {
  if (erased) return <Status state="unknown">Erased</Status>;
  const known = STATES[status ?? ""];
  return known ? <Status state={known.state}>{known.label}</Status> : null;
}

export const person = record({
  path: "/api/users",
  resource: "User",
  one: "person",
  many: "people",
  live: ["users.*"],
  page: "/admin/people",
  name: (row) => row.name,
  columns: () => [
    { id: "name", header: "Name", sort: "name", width: "12rem", cell: (row) => <Link to={`/admin/people/${row.id}`} dir="auto">{row.name}</Link> },
    { id: "email", header: "Address", sort: "email", width: "20rem", priority: 1, cell: (row) => row.email },
    { id: "status", header: "Status", sort: "status", width: "8rem", cell: (row) => <PersonStatus status={row.status} erased={row.erased_at} /> },
    { id: "source", header: "From", width: "8rem", priority: 2, cell: (row) => (row.source ? "Catalog" : "Here") },
  ],
  fields: [
    { name: "name", label: "Name", input: "text", required: true },
    { name: "email", label: "Address", input: "text", required: true, description: "They sign in with it.", placeholder: "ada@example.org" },
    { name: "avatar_url", label: "Picture", input: "text", description: "A URL that begins with https://.", when: (_, editing) => editing },
    { name: "entity_ref", label: "In the catalog", input: "text", fixed: true, description: "The entity that the person is. Empty: made of the address.", placeholder: "user:default/ada" },
  ],
  filters: [{ name: "status", label: "Status", options: Object.entries(STATES).map(([value, { label }]) => ({ value, label })) }],
  search: true,
  sort: "name",
  can: { create: true, update: true, delete: true, restore: true },
  loses: "Their sessions and keys end at once. What they did stays in the audit trail.",
  empty: { title: "Nobody is here yet", text: "People also come from User entities of the catalog and from sign-in providers.", code: "fairway users create --name 'Ada Lovelace' --email ada@example.org" },
});
