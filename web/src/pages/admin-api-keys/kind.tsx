// SPDX-License-Identifier: Apache-2.0
import { NumberInput } from "@mantine/core";
import { record } from "../../records";
import type { InputProps } from "../../records";
import { Link, Status, Time } from "../../ui";
import { PermissionMatrix } from "../admin-roles/matrix";

const DAY = 86_400_000;
/** Keys that end within so many days are marked. */
const SOON = 14;

export function KeyEnd({ at }: { at: string }) {
  const left = new Date(at).getTime() - Date.now();
  if (left < 0) return <Status state="bad">Ended <Time at={at} /></Status>;
  return left < SOON * DAY ? <Status state="warn"><Time at={at} /></Status> : <Time at={at} />;
}

function Limit({ value, onChange, ...props }: InputProps) {
  const limit = value as { per_minute?: number; burst?: number } | null | undefined;
  return (
    <NumberInput
      {...props} hideControls min={1} max={1_000_000} value={limit?.per_minute ?? ""} placeholder="As all keys"
      onChange={(next) => onChange(typeof next === "number" ? { ...limit, per_minute: next } : null)}
    />
  );
}

export const apiKey = record({
  path: "/api/api-keys",
  resource: "ApiKey",
  one: "API key",
  many: "API keys",
  live: ["api-keys.*"],
  page: "/admin/api-keys",
  name: (row) => row.name,
  refs: { user_id: "/api/users", service_account_id: "/api/service-accounts" },
  columns: (names) => [
    { id: "name", header: "Name", sort: "name", width: "12rem", cell: (row) => <Link to={`/admin/api-keys/${row.id}`} dir="auto">{row.name}</Link> },
    {
      id: "owner", header: "Of", width: "14rem", priority: 2,
      cell: (row) => (row.service_account_id ? <Link to={`/admin/service-accounts/${row.service_account_id}`} dir="auto">{names(row.service_account_id)}</Link> : <Link to={`/admin/people/${row.user_id ?? ""}`} dir="auto">{names(row.user_id)}</Link>),
    },
    { id: "prefix", header: "Begins", width: "9rem", priority: 2, cell: (row) => <code>{row.prefix}…</code> },
    { id: "scopes", header: "Scopes", width: "16rem", priority: 1, cell: (row) => <><code>{row.scopes.slice(0, 2).join(", ")}</code>{row.scopes.length > 2 && <span className="fw-faint"> and {row.scopes.length - 2} more</span>}</> },
    { id: "used", header: "Last used", sort: "last_used_at", width: "9rem", priority: 3, cell: (row) => (row.last_used_at ? <Time at={row.last_used_at} /> : <span className="fw-faint">never</span>) },
    { id: "expires", header: "Ends", sort: "expires_at", width: "10rem", cell: (row) => <KeyEnd at={row.expires_at} /> },
  ],
  fields: [
    { name: "name", label: "Name", input: "text", required: true, description: "What it is for.", placeholder: "Pipeline" },
    { name: "service_account_id", label: "Service account", input: "record", of: "/api/service-accounts", fixed: true, when: (_, editing) => !editing, description: "Whose it is. Empty: your own." },
    { name: "expires_at", label: "Ends", input: "time", description: "Empty: in 90 days. At most 366 days ahead." },
    { name: "rate_limit", label: "Requests a minute", input: "own", description: "When it may call less often than others.", render: (props) => <Limit {...props} /> },
    {
      name: "scopes", label: "Scopes", input: "own", required: true, initial: ["*:read"],
      render: ({ value, onChange, disabled, error }) => <PermissionMatrix value={value as string[]} onChange={onChange} disabled={disabled === true} error={error} />,
    },
  ],
  wide: true,
  filters: [{ name: "service_account_id", label: "Service account", of: "/api/service-accounts" }],
  search: true,
  sort: "name",
  can: { create: true, update: true, delete: true },
  loses: "Programs that call with it are refused from now on.",
  empty: { title: "No API keys yet", text: "Programs call with them. A key reaches no further than its owner.", code: "fairway api-keys create --name Pipeline --scopes '*:read'" },
});
