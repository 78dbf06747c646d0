// SPDX-License-Identifier: Apache-2.0
// What the list shows, all of it in the address: kind, whose, filters, text, order, groups, place.
import { useMemo } from "react";
import { useAddress } from "../../app/address";
import type { Changes } from "../../app/address";
import type { Sort } from "../../ui";

export const FACETS = [
  { id: "owner", label: "Owner", key: "relations.ownedBy", isRef: true },
  { id: "type", label: "Type", key: "spec.type", isRef: false },
  { id: "lifecycle", label: "Lifecycle", key: "spec.lifecycle", isRef: false },
  { id: "tag", label: "Tags", key: "metadata.tags", isRef: false },
  { id: "namespace", label: "Namespace", key: "metadata.namespace", isRef: false },
  { id: "system", label: "System", key: "relations.partOf", isRef: true },
  { id: "member", label: "Group", key: "relations.memberOf", isRef: true },
] as const;
export type Facet = (typeof FACETS)[number];
export type FacetId = Facet["id"];

export const GROUPS = [
  { id: "owner", label: "Owner", key: "relations.ownedBy", isRef: true },
  { id: "type", label: "Type", key: "spec.type", isRef: false },
  { id: "lifecycle", label: "Lifecycle", key: "spec.lifecycle", isRef: false },
  { id: "system", label: "System", key: "relations.partOf", isRef: true },
  { id: "kind", label: "Kind", key: "kind", isRef: false },
] as const;
export type Group = (typeof GROUPS)[number];

export const SCOPES = ["all", "owned"] as const;
export type Scope = (typeof SCOPES)[number];

/** The kind "*" is every kind. */
export const EVERY_KIND = "*";

export interface State {
  kind: string;
  scope: Scope;
  /** Values by facet; one of them has to hold. "" is for those without a value. */
  picked: Partial<Record<FacetId, string[]>>;
  q: string;
  sort: Sort;
  group: Group | undefined;
  /** The group that is open, when there are more entities than one page holds. */
  open: string | undefined;
  cursor: string;
  /** How many come before this page. */
  start: number;
}

export const SORTS: Record<string, string> = {
  name: "metadata.name", owner: "spec.owner", type: "spec.type", lifecycle: "spec.lifecycle", system: "spec.system", namespace: "metadata.namespace", kind: "kind", email: "spec.profile.email",
};

const DEFAULT_SORT: Sort = { by: "name", descending: false };

/** Facets that say something of a kind. */
export function facetsOf(kind: string): Facet[] {
  const of: Record<string, FacetId[]> = {
    user: ["member", "tag", "namespace"],
    group: ["type", "tag", "namespace"],
    domain: ["owner", "tag", "namespace"],
    system: ["owner", "type", "tag", "namespace", "system"],
    location: ["type", "namespace"],
    resource: ["owner", "type", "lifecycle", "tag", "namespace", "system"],
  };
  const ids = of[kind] ?? ["owner", "type", "lifecycle", "tag", "namespace", "system"];
  return FACETS.filter((facet) => ids.includes(facet.id));
}

export function groupsOf(kind: string): Group[] {
  const facets = facetsOf(kind);
  return GROUPS.filter((group) => (group.id === "kind" ? kind === EVERY_KIND : facets.some((facet) => facet.id === group.id)));
}

export function readState(query: URLSearchParams): State {
  const sort = query.get("sort") ?? "";
  const by = sort.replace(/^-/, "");
  const kind = (query.get("kind") ?? "component").toLowerCase();
  const scope = query.get("scope") as Scope;
  const picked: State["picked"] = {};
  for (const { id } of FACETS) {
    const values = query.getAll(id);
    if (values.length > 0) picked[id] = [...new Set(values)];
  }
  const start = Number(query.get("from"));
  return {
    kind,
    scope: SCOPES.includes(scope) ? scope : "all",
    picked,
    q: query.get("q") ?? "",
    sort: by in SORTS ? { by, descending: sort.startsWith("-") } : DEFAULT_SORT,
    group: groupsOf(kind).find((group) => group.id === query.get("group")),
    open: query.get("open") === null ? undefined : (query.get("open") ?? ""),
    cursor: query.get("cursor") ?? "",
    start: query.has("cursor") && Number.isSafeInteger(start) && start > 0 ? start : 0,
  };
}

/** What another question begins anew: the place in the list. */
const FROM_START: Changes = { cursor: null, from: null };

export interface CatalogAddress {
  state: State;
  /** How many filters are on, besides the kind and whose. */
  filters: number;
  setKind: (kind: string) => void;
  setPicked: (id: FacetId, values: string[]) => void;
  setText: (q: string) => void;
  setSort: (sort: Sort) => void;
  setGroup: (id: string | null) => void;
  setOpen: (value: string | null) => void;
  setPlace: (cursor: string | null, start: number) => void;
  /** Takes off filters and text; the kind and whose stay. */
  clear: () => void;
  /** The address with some of it changed, from the start of the list. */
  link: (changes: Changes) => string;
}

export function useCatalogAddress(): CatalogAddress {
  const { query, setQuery, withQuery } = useAddress();
  return useMemo(() => {
    const state = readState(query);
    const cleared: Changes = { q: null, open: null, ...FROM_START };
    for (const { id } of FACETS) cleared[id] = null;
    return {
      state,
      filters: Object.keys(state.picked).length + (state.q ? 1 : 0),
      setKind: (kind) => {
        // A filter that says nothing of the new kind would hide everything in it.
        const stays = facetsOf(kind).map((facet) => facet.id);
        const changes: Changes = { kind: kind === "component" ? null : kind, type: null, lifecycle: null, open: null, ...FROM_START };
        for (const { id } of FACETS) if (!stays.includes(id)) changes[id] = null;
        setQuery(changes);
      },
      setPicked: (id, values) => setQuery({ [id]: values, open: null, ...FROM_START }),
      setText: (q) => setQuery({ q, ...FROM_START }, { replace: true }),
      setSort: ({ by, descending }) => setQuery({ sort: by === "name" && !descending ? null : `${descending ? "-" : ""}${by}`, ...FROM_START }),
      setGroup: (id) => setQuery({ group: id, open: null, ...FROM_START }),
      setOpen: (value) => setQuery({ open: value === null ? null : [value], ...FROM_START }),
      setPlace: (cursor, start) => setQuery({ cursor, from: cursor && start > 0 ? String(start) : null }),
      clear: () => setQuery(cleared),
      link: (changes) => withQuery({ ...FROM_START, open: null, ...changes }),
    };
  }, [query, setQuery, withQuery]);
}
