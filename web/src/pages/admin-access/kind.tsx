// SPDX-License-Identifier: Apache-2.0
// A binding: who has, or is denied, which role where.
import { Select } from "@mantine/core";
import { RecordSelect, record } from "../../records";
import type { Collection, InputProps, Names, RowOf, Values } from "../../records";
import { Link, Status, Time } from "../../ui";

export type Binding = RowOf<"/api/role-bindings">;

export const SUBJECTS: Record<Binding["subject_kind"], { label: string; path: Collection; page?: string }> = {
  user: { label: "Person", path: "/api/users", page: "/admin/people" },
  team: { label: "Team", path: "/api/teams", page: "/admin/teams" },
  service_account: { label: "Service account", path: "/api/service-accounts", page: "/admin/service-accounts" },
  api_key: { label: "API key", path: "/api/api-keys", page: "/admin/api-keys" },
};
export const SCOPES: Record<Binding["scope_kind"], { label: string; path?: Collection; page?: string }> = {
  platform: { label: "Platform" },
  organization: { label: "Organization", path: "/api/organizations", page: "/admin/organizations" },
  team: { label: "Team", path: "/api/teams", page: "/admin/teams" },
  service: { label: "Service", path: "/api/services" },
  environment: { label: "Environment", path: "/api/environments", page: "/admin/environments" },
};
export const optionsOf = (of: Record<string, { label: string }>) => Object.entries(of).map(([value, { label }]) => ({ value, label }));

/** Ids of whom and where, by the collections they are in. */
export function bindingIds(rows: Pick<Binding, "subject_kind" | "subject_id" | "scope_kind" | "scope_id">[]): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const row of rows) {
    (found[SUBJECTS[row.subject_kind].path] ??= []).push(row.subject_id);
    const { path } = SCOPES[row.scope_kind];
    if (path && row.scope_id) (found[path] ??= []).push(row.scope_id);
  }
  return found;
}

export function Subject({ kind, id, names }: { kind: string; id: string; names: Names }) {
  const known = SUBJECTS[kind as Binding["subject_kind"]] as (typeof SUBJECTS)[Binding["subject_kind"]] | undefined;
  return <><span className="fw-faint">{known?.label ?? kind} </span>{known?.page ? <Link to={`${known.page}/${id}`} dir="auto">{names(id)}</Link> : <bdi>{names(id)}</bdi>}</>;
}

/** In a sentence it is "the platform", in a table "Everywhere". */
export function Scope({ kind, id, names, sentence }: { kind: string; id?: string | undefined; names: Names; sentence?: boolean }) {
  const known = SCOPES[kind as Binding["scope_kind"]] as (typeof SCOPES)[Binding["scope_kind"]] | undefined;
  if (!id) return <>{kind !== "platform" ? (known?.label ?? kind) : sentence ? "the platform" : "Everywhere"}</>;
  return <><span className="fw-faint">{sentence ? `the ${(known?.label ?? kind).toLowerCase()}` : (known?.label ?? kind)} </span>{known?.page ? <Link to={`${known.page}/${id}`} dir="auto">{names(id)}</Link> : <bdi>{names(id)}</bdi>}</>;
}

/** Picks one of the collection that another field chooses. */
function pickOf(of: (values: Values) => Collection | undefined) {
  return function Pick(props: InputProps, values: Values) {
    const path = of(values);
    return path ? <RecordSelect key={path} {...props} of={path} value={typeof props.value === "string" && props.value ? props.value : null} onChange={props.onChange} /> : null;
  };
}

export const EFFECTS = [{ value: "allow", label: "Gives the role" }, { value: "deny", label: "Denies what is in the role" }];

export const binding = record({
  path: "/api/role-bindings",
  resource: "RoleBinding",
  one: "binding",
  many: "bindings",
  live: ["role-bindings.*", "roles.*"],
  page: "/admin/access",
  name: (row, names) => `${names(row.role_id)} for ${names(row.subject_id)}`,
  refs: { role_id: "/api/roles" },
  columns: (names) => [
    { id: "subject", header: "Who", sort: "subject_kind", width: "14rem", cell: (row) => <Subject kind={row.subject_kind} id={row.subject_id} names={names} /> },
    { id: "role", header: "Role", width: "9rem", cell: (row) => <Link to={`/admin/access/${row.id}`}>{names(row.role_id)}</Link> },
    { id: "scope", header: "Where", sort: "scope_kind", width: "16rem", cell: (row) => <Scope kind={row.scope_kind} id={row.scope_id} names={names} /> },
    { id: "effect", header: "Effect", sort: "effect", width: "8rem", cell: (row) => (row.effect === "deny" ? <Status state="bad">Denied</Status> : <Status state="good">Allowed</Status>) },
    { id: "expires", header: "Until", sort: "expires_at", width: "11rem", priority: 1, cell: (row) => (row.expires_at ? <Time at={row.expires_at} /> : "for good") },
  ],
  fields: [
    { name: "subject_kind", label: "Who", input: "select", options: optionsOf(SUBJECTS), required: true, fixed: true, initial: "user", description: "A team is all its members." },
    {
      name: "subject_id", label: "Which one", required: true, fixed: true, input: "own",
      render: pickOf((values) => SUBJECTS[values["subject_kind"] as Binding["subject_kind"]]?.path),
    },
    { name: "role_id", label: "Role", input: "record", of: "/api/roles", required: true, fixed: true },
    { name: "scope_kind", label: "Where", input: "select", options: optionsOf(SCOPES), required: true, fixed: true, initial: "organization", description: "It holds there and in everything below." },
    {
      name: "scope_id", label: "Which place", required: true, fixed: true, input: "own", when: (values) => values["scope_kind"] !== "platform" && Boolean(values["scope_kind"]),
      render: pickOf((values) => SCOPES[values["scope_kind"] as Binding["scope_kind"]]?.path),
    },
    {
      name: "effect", label: "Effect", input: "own", required: true, fixed: true, initial: "allow",
      render: ({ value, onChange, ...props }) => <Select {...props} data={EFFECTS} value={String(value)} onChange={onChange} allowDeselect={false} description={value === "deny" ? "It outweighs every role that gives it, there and below." : props.description} />,
    },
    { name: "expires_at", label: "Until", input: "time", description: "It ends by itself then. Empty: it stays." },
    { name: "description", label: "Why", input: "area", description: "For those who look at it in a year." },
  ],
  filters: [
    { name: "role_id", label: "Role", of: "/api/roles" },
    { name: "subject_kind", label: "Who", options: optionsOf(SUBJECTS) },
    { name: "scope_kind", label: "Where", options: optionsOf(SCOPES) },
    { name: "effect", label: "Effect", options: [{ value: "allow", label: "Allowed" }, { value: "deny", label: "Denied" }] },
  ],
  can: { create: true, update: true, delete: true },
  loses: "It counts from the next request on.",
  empty: {
    title: "No role is bound here",
    text: "A binding gives a role to somebody at a place, or denies what is in it.",
    code: "fairway role-bindings create --subject-kind team --subject-id TEAM --role-id ROLE --scope-kind organization --scope-id ORGANIZATION",
  },
});
