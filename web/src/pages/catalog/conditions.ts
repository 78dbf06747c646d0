// SPDX-License-Identifier: Apache-2.0
// What the list asks for, in the two ways the API takes: filter strings, which come with the page already, and predicates, which
// can also say "has none".
import { EVERY_KIND, FACETS } from "./state";
import type { FacetId, State } from "./state";

/** One of the values has to hold; "" is for entities without one. */
export interface Condition {
  key: string;
  values: string[];
  /** The facet that it was picked in. */
  facet?: FacetId;
}

export interface Question {
  /** All have to hold. */
  all: Condition[];
  text: string;
}

export type Predicate = { [key: string]: unknown };

/** The parts in which the text is looked for. */
export function textFields(kind: string): string[] {
  const names = ["metadata.name", "metadata.title", "metadata.description"];
  return kind === "user" || kind === "group" ? [...names, "spec.profile.displayName", "spec.profile.email"] : names;
}

/** Whose: what somebody owns, by the references that are theirs. Groups are theirs when they are in them. */
function owned(kind: string, mine: string[]): Condition {
  const self = mine.filter((ref) => ref.startsWith("user:"));
  return kind === "group" ? { key: "relations.hasMember", values: self } : { key: "relations.ownedBy", values: mine };
}

export function questionOf(state: State, mine: string[]): Question {
  const all: Condition[] = [];
  if (state.kind !== EVERY_KIND) all.push({ key: "kind", values: [state.kind] });
  for (const { id, key } of FACETS) {
    const values = state.picked[id];
    if (values) all.push({ key, values, facet: id });
  }
  if (state.scope === "owned") all.push(owned(state.kind, mine));
  return { all, text: state.q.trim() };
}

/** `kind=component,spec.type=service`; undefined when strings cannot say it. */
export function asFilter({ all }: Question): string[] | undefined {
  const keys = new Set(all.map((one) => one.key));
  const plain = keys.size === all.length && all.every(({ values }) => values.length > 0 && values.every((value) => value !== "" && !value.includes(",")));
  if (!plain) return undefined;
  const text = all.flatMap(({ key, values }) => values.map((value) => `${key}=${value}`)).join(",");
  return text ? [text] : [];
}

function conditionOf({ key, values }: Condition): Predicate {
  const said = values.filter((value) => value !== "");
  const some: Predicate[] = [];
  if (said.length > 0) some.push({ [key]: { $in: said } });
  if (said.length < values.length) some.push({ [key]: { $exists: false } });
  return some.length === 1 && some[0] ? some[0] : { $any: some };
}

export function asPredicate({ all }: Question): Predicate {
  const parts = all.map(conditionOf);
  return parts.length === 1 && parts[0] ? parts[0] : { $all: parts };
}
