// SPDX-License-Identifier: Apache-2.0
// Pages by cursors: the address has the cursor and where it begins; the way back is known for cursors that were come to by "later".
import { useAddress } from "../app/address";

const before = new Map<string, { cursor: string | null; from: number }>();
const MOST = 500;

export interface Paging {
  cursor: string | undefined;
  start: number;
  earlier: (() => void) | undefined;
  later: (next: string | null | undefined, shown: number) => (() => void) | undefined;
}

/** `name` keeps the pages of two lists on one page apart. */
export function usePaging(name = ""): Paging {
  const { query, setQuery } = useAddress();
  const cursorName = `${name}cursor`;
  const fromName = `${name}row`;
  const cursor = query.get(cursorName);
  const start = cursor ? Math.max(0, Number(query.get(fromName)) || 0) : 0;
  const show = (at: { cursor: string | null; from: number }) => setQuery({ [cursorName]: at.cursor, [fromName]: at.cursor ? String(at.from) : null });
  return {
    cursor: cursor ?? undefined,
    start,
    earlier: cursor ? () => show(before.get(cursor) ?? { cursor: null, from: 0 }) : undefined,
    later: (next, shown) => (next ? () => {
      if (before.size >= MOST) before.clear();
      before.set(next, { cursor, from: start });
      show({ cursor: next, from: start + shown });
    } : undefined),
  };
}
