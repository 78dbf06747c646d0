// SPDX-License-Identifier: Apache-2.0
// Which permissions there are: those that operations of this server need, from its own description.
import { useMemo } from "react";
import { useGet } from "../../api";

interface Described {
  paths?: Record<string, Record<string, { "x-permission"?: { action?: string; on?: string } } | undefined>>;
}

export interface Permissions {
  /** Resources, each with its actions. */
  resources: Map<string, string[]>;
  error: Error | null;
  isPending: boolean;
}

export const COMMON = ["read", "create", "update", "delete"];

function order(a: string, b: string): number {
  const at = (action: string) => (COMMON.includes(action) ? COMMON.indexOf(action) : COMMON.length);
  return at(a) - at(b) || a.localeCompare(b);
}

export function usePermissionsThereAre(): Permissions {
  const { data, error, isPending } = useGet("/api/openapi.json", {});
  const resources = useMemo(() => {
    const found = new Map<string, Set<string>>();
    for (const item of Object.values((data as Described | undefined)?.paths ?? {})) {
      for (const operation of Object.values(item)) {
        const { action, on } = operation?.["x-permission"] ?? {};
        if (!action || !on) continue;
        const actions = found.get(on) ?? new Set<string>();
        found.set(on, actions.add(action));
      }
    }
    return new Map([...found].sort(([a], [b]) => a.localeCompare(b)).map(([on, actions]) => [on, [...actions].sort(order)] as const));
  }, [data]);
  return { resources, error, isPending };
}
