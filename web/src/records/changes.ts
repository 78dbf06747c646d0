// SPDX-License-Identifier: Apache-2.0
// What differs between two states of a thing, as paths with before and after.

export interface Change {
  path: string;
  before?: unknown;
  after?: unknown;
}

const MOST = 200;
/** Members that say only that something was changed. */
const QUIET = new Set(["id", "updated_at", "updated_by", "created_at", "created_by", "revision"]);

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
}

function walk(before: unknown, after: unknown, path: string, found: Change[]): void {
  if (found.length >= MOST || same(before, after)) return;
  if (isPlain(before) && isPlain(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      if (path || !QUIET.has(name)) walk(before[name], after[name], path ? `${path}.${name}` : name, found);
    }
    return;
  }
  found.push({ path, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) });
}

/** Of what was made or removed, each member is a change. */
export function changesOf(before: unknown, after: unknown): Change[] {
  const found: Change[] = [];
  const or = (value: unknown, other: unknown) => ((value === null || value === undefined) && isPlain(other) ? {} : value);
  walk(or(before, after), or(after, before), "", found);
  return found;
}
