// SPDX-License-Identifier: Apache-2.0
// What the address asks of the audit trail.
import { useAddress } from "../../app/address";
import type { Schemas } from "../../api";

export type Entry = Schemas["AuditLog"];
export const FILTERS = ["actor", "action", "resource_type", "resource_id", "request_id", "from", "to"] as const;
export type AuditQuery = Partial<Record<(typeof FILTERS)[number], string>>;

/** Ends of time as the address has them: an instant, or how long ago ("24h", "7d"). */
export function instantOf(text: string): string {
  const ago = /^(\d{1,4})([hd])$/.exec(text);
  if (!ago) return text;
  // To the minute, so that the same question has the same address for a while.
  const time = Math.floor((Date.now() - Number(ago[1]) * (ago[2] === "d" ? 86_400_000 : 3_600_000)) / 60_000) * 60_000;
  return new Date(time).toISOString();
}

export function useAuditQuery(): AuditQuery {
  const { query } = useAddress();
  const found: AuditQuery = {};
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value) found[name] = name === "from" || name === "to" ? instantOf(value) : value;
  }
  return found;
}

const PAGES_OF: Record<string, string> = {
  Organization: "organizations", Team: "teams", User: "people", Role: "roles", RoleBinding: "access", ApiKey: "api-keys", ServiceAccount: "service-accounts", Environment: "environments",
  Webhook: "webhooks", Job: "jobs", Source: "sources", CatalogKind: "kinds",
};

/** Where the thing is shown, when it has a page here. */
export function pageOf(type: string, id: string): string | undefined {
  const page = PAGES_OF[type];
  return page && /^[0-9a-f-]{36}$/.test(id) ? `/admin/${page}/${id}` : undefined;
}
