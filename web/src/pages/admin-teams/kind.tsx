// SPDX-License-Identifier: Apache-2.0
import { record } from "../../records";
import { Link, Time } from "../../ui";

export const team = record({
  path: "/api/teams",
  resource: "Team",
  one: "team",
  many: "teams",
  live: ["teams.*"],
  page: "/admin/teams",
  name: (row) => row.name,
  refs: { org_id: "/api/organizations", parent_id: "/api/teams" },
  columns: (names) => [
    { id: "name", header: "Name", sort: "name", width: "14rem", cell: (row) => <Link to={`/admin/teams/${row.id}`} dir="auto">{row.name}</Link> },
    { id: "slug", header: "Slug", sort: "slug", width: "12rem", priority: 3, cell: (row) => <code>{row.slug}</code> },
    { id: "org", header: "Organization", width: "12rem", priority: 2, cell: (row) => <bdi>{names(row.org_id)}</bdi> },
    { id: "parent", header: "Part of", width: "12rem", priority: 2, cell: (row) => (row.parent_id ? <Link to={`/admin/teams/${row.parent_id}`} dir="auto">{names(row.parent_id)}</Link> : null) },
    { id: "description", header: "Description", priority: 1, cell: (row) => <span dir="auto">{row.description}</span> },
  ],
  fields: [
    { name: "org_id", label: "Organization", input: "record", of: "/api/organizations", required: true },
    { name: "name", label: "Name", input: "text", required: true },
    { name: "slug", label: "Slug", input: "text", required: true, description: "What owners are named by in the catalog: lower-case letters, digits and dashes.", placeholder: "payments" },
    { name: "description", label: "Description", input: "area", description: "What it does." },
    { name: "parent_id", label: "Part of", input: "record", of: "/api/teams", description: "The team above it.", within: (values) => (typeof values["org_id"] === "string" ? { org_id: values["org_id"] } : ({} as Record<string, string>)) },
  ],
  filters: [{ name: "org_id", label: "Organization", of: "/api/organizations" }],
  search: true,
  sort: "name",
  can: { create: true, update: true, delete: true, restore: true },
  loses: "Its members lose the roles that are bound to it. What it owns has no team until it is restored.",
  empty: {
    title: "No teams yet",
    text: "People of an organization who own things together. Teams also come from Group entities of the catalog and from the groups of a sign-in provider.",
    code: "fairway teams create --org-id 00000000-0000-7000-8000-000000000001 --name Payments --slug payments",
  },
});

const ROLES = [{ value: "member", label: "Member" }, { value: "lead", label: "Lead" }];

export const membership = record({
  path: "/api/team-memberships",
  resource: "TeamMembership",
  one: "membership",
  many: "memberships",
  live: ["team-memberships.*", "users.*"],
  name: (row, names) => names(row.user_id),
  refs: { team_id: "/api/teams", user_id: "/api/users" },
  columns: (names) => [
    { id: "user", header: "Person", width: "11rem", cell: (row) => <Link to={`/admin/people/${row.user_id}`} dir="auto">{names(row.user_id)}</Link> },
    { id: "team", header: "Team", width: "11rem", cell: (row) => <Link to={`/admin/teams/${row.team_id}`} dir="auto">{names(row.team_id)}</Link> },
    { id: "role", header: "As", sort: "role", width: "6rem", cell: (row) => (row.role === "lead" ? "Lead" : "Member") },
    { id: "source", header: "By", width: "14rem", priority: 2, cell: (row) => (row.source ? <>groups of <code>{row.source}</code></> : "hand") },
    { id: "joined", header: "Since", sort: "joined_at", width: "11rem", priority: 1, cell: (row) => <Time at={row.joined_at} /> },
  ],
  fields: [
    { name: "team_id", label: "Team", input: "record", of: "/api/teams", required: true, fixed: true },
    { name: "user_id", label: "Person", input: "record", of: "/api/users", required: true, fixed: true },
    { name: "role", label: "As", input: "select", options: ROLES, required: true, initial: "member", description: "For people to know whom to ask. Rights come from the roles of the team." },
  ],
  filters: [{ name: "role", label: "As", options: ROLES }],
  can: { create: true, update: true, delete: true },
  loses: "They lose what the roles of the team give them.",
  locked: (row) => (row.source ? "It follows the groups of a sign-in provider." : undefined),
  empty: { title: "Nobody is in this team yet", text: "Members have every role that is bound to it.", code: "fairway team-memberships create --team-id TEAM --user-id PERSON" },
});
