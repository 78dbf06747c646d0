// SPDX-License-Identifier: Apache-2.0
import { record } from "../../records";
import type { RowOf } from "../../records";
import { Link, Status } from "../../ui";

export type Webhook = RowOf<"/api/webhooks">;

export function HookStatus({ hook }: { hook: Webhook }) {
  if (hook.enabled === false) return <Status state={hook.disabled_reason ? "bad" : "paused"}>{hook.disabled_reason ? "Disabled by the server" : "Off"}</Status>;
  return hook.failing_since ? <Status state="warn">Failing</Status> : <Status state="good">On</Status>;
}

export const webhook = record({
  path: "/api/webhooks",
  resource: "Webhook",
  one: "webhook",
  many: "webhooks",
  live: ["webhooks.*"],
  page: "/admin/webhooks",
  name: (row) => row.name,
  columns: () => [
    { id: "name", header: "Name", sort: "name", width: "12rem", cell: (row) => <Link to={`/admin/webhooks/${row.id}`} dir="auto">{row.name}</Link> },
    { id: "url", header: "To", priority: 2, cell: (row) => <code>{row.url}</code> },
    { id: "types", header: "Events", width: "16rem", priority: 1, cell: (row) => <code>{(row.types ?? ["*"]).join(", ")}</code> },
    { id: "state", header: "State", sort: "enabled", width: "9rem", cell: (row) => <HookStatus hook={row} /> },
  ],
  fields: [
    { name: "name", label: "Name", input: "text", required: true, placeholder: "Chat" },
    { name: "url", label: "URL", input: "text", required: true, description: "Where events are sent. An internal address must be allowed by the setting webhooks.allow.", placeholder: "https://chat.example.org/hooks/fairway" },
    { name: "types", label: "Events", input: "list", initial: ["*"], description: "Types to send: services.created, services.*; * is all." },
    { name: "description", label: "Description", input: "area", description: "What it is for." },
    { name: "enabled", label: "Send events", input: "checkbox", initial: true },
  ],
  filters: [{ name: "enabled", label: "State", options: [{ value: "true", label: "On" }, { value: "false", label: "Off" }] }],
  search: true,
  sort: "name",
  can: { create: true, update: true, delete: true },
  loses: "Its deliveries go with it, and what waits to be sent is not sent.",
  empty: { title: "No webhooks yet", text: "Events are sent to your URLs, signed, and repeated until they arrive.", code: "fairway webhooks create --name Chat --url https://chat.example.org/hooks/fairway --types 'services.*'" },
});

const DELIVERED: Record<string, { state: "good" | "warn" | "bad" | "busy"; label: string }> = {
  pending: { state: "busy", label: "Pending" }, succeeded: { state: "good", label: "Arrived" }, failed: { state: "warn", label: "Failed, sent again" }, dead: { state: "bad", label: "Dead" },
};
export const DELIVERY_OPTIONS = Object.entries(DELIVERED).map(([value, { label }]) => ({ value, label }));

export function DeliveryStatus({ status }: { status: string }) {
  const known = DELIVERED[status];
  return <Status state={known?.state ?? "unknown"}>{known?.label ?? status}</Status>;
}
