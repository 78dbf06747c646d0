// SPDX-License-Identifier: Apache-2.0
// Which panels somebody wants to see, in which order. Kept in this browser.
import { useCallback, useState } from "react";

export const PANELS = ["waiting", "services", "teams", "changed", "state", "actions"] as const;
export type PanelId = (typeof PANELS)[number];
export const PANEL_NAMES: Record<PanelId, string> = {
  waiting: "Waiting for you", services: "My services", teams: "My teams", changed: "Changed lately", state: "State of the catalog", actions: "Quick actions",
};

export interface Arrangement {
  order: PanelId[];
  hidden: PanelId[];
}

const KEY = "home-panels";
const isPanel = (one: unknown): one is PanelId => PANELS.includes(one as PanelId);

function read(): Arrangement {
  try {
    const { order = [], hidden = [] } = JSON.parse(localStorage.getItem(KEY) ?? "{}") as { order?: unknown[]; hidden?: unknown[] };
    const known = [...new Set(order.filter(isPanel))];
    return { order: [...known, ...PANELS.filter((one) => !known.includes(one))], hidden: hidden.filter(isPanel) };
  } catch {
    return { order: [...PANELS], hidden: [] };
  }
}

export function useArrangement(): [Arrangement, (next: Arrangement) => void] {
  const [arrangement, setArrangement] = useState(read);
  const keep = useCallback((next: Arrangement) => {
    setArrangement(next);
    try {
      localStorage.setItem(KEY, JSON.stringify(next));
    } catch {
      // storage is off: it holds until the page is left
    }
  }, []);
  return [arrangement, keep];
}

export function moved(order: PanelId[], id: PanelId, by: -1 | 1): PanelId[] {
  const next = [...order];
  const from = next.indexOf(id);
  const to = from + by;
  const [other] = next.slice(to, to + 1);
  if (from < 0 || other === undefined || to < 0) return order;
  next[to] = id;
  next[from] = other;
  return next;
}
