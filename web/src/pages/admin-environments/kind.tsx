// SPDX-License-Identifier: Apache-2.0
import { record } from "../../records";
import { Link } from "../../ui";

export const ENVIRONMENT_TYPES = [{ value: "development", label: "Development" }, { value: "staging", label: "Staging" }, { value: "production", label: "Production" }];

export const environment = record({
  path: "/api/environments",
  resource: "Environment",
  one: "environment",
  many: "environments",
  live: ["environments.*"],
  page: "/admin/environments",
  name: (row) => row.name,
  refs: { org_id: "/api/organizations" },
  columns: (names) => [
    { id: "name", header: "Name", sort: "name", width: "12rem", cell: (row) => <Link to={`/admin/environments/${row.id}`}>{row.name}</Link> },
    { id: "type", header: "For", sort: "type", width: "8rem", cell: (row) => row.type },
    { id: "org", header: "Organization", width: "14rem", priority: 2, cell: (row) => <bdi>{names(row.org_id)}</bdi> },
    { id: "description", header: "Description", priority: 1, cell: (row) => <span dir="auto">{row.description}</span> },
  ],
  fields: [
    { name: "org_id", label: "Organization", input: "record", of: "/api/organizations", required: true, fixed: true },
    { name: "name", label: "Name", input: "text", required: true, fixed: true, description: "Deployments name it: lower-case letters, digits and dashes, a letter first.", placeholder: "production" },
    { name: "type", label: "For", input: "select", required: true, options: ENVIRONMENT_TYPES },
    { name: "description", label: "Description", input: "area", description: "What is special about it." },
  ],
  filters: [{ name: "type", label: "For", options: ENVIRONMENT_TYPES }, { name: "org_id", label: "Organization", of: "/api/organizations" }],
  search: true,
  sort: "name",
  can: { create: true, update: true, delete: true, restore: true },
  loses: "Roles that are bound here hold nowhere any more; deployments keep its name.",
  empty: {
    title: "No environments yet",
    text: "Where the services of an organization run. Deployments name one, and roles can be given, or denied, for one.",
    code: "fairway environments create --org-id 00000000-0000-7000-8000-000000000001 --name production --type production",
  },
});
