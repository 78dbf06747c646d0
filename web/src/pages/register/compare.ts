// SPDX-License-Identifier: Apache-2.0
// What entities would change: against what the catalog holds, and what they would hang together with.
import { useQuery } from "@tanstack/react-query";
import type { UseQueryResult } from "@tanstack/react-query";
import { stringify } from "yaml";
import { call } from "../../api";
import { fullRef, rowOf } from "../catalog/row";
import type { Row } from "../catalog/row";
import { plain } from "../catalog/plain";
import type { Entity } from "../catalog/plain";

const RELATIONS: { field: string; says: string; kind: string }[] = [
  { field: "owner", says: "owned by", kind: "group" },
  { field: "system", says: "part of", kind: "system" },
  { field: "domain", says: "part of", kind: "domain" },
  { field: "subcomponentOf", says: "part of", kind: "component" },
  { field: "subdomainOf", says: "part of", kind: "domain" },
  { field: "providesApis", says: "provides", kind: "api" },
  { field: "consumesApis", says: "consumes", kind: "api" },
  { field: "dependsOn", says: "depends on", kind: "component" },
  { field: "dependencyOf", says: "needed by", kind: "component" },
  { field: "parent", says: "child of", kind: "group" },
  { field: "children", says: "parent of", kind: "group" },
  { field: "members", says: "has member", kind: "user" },
  { field: "memberOf", says: "member of", kind: "group" },
];

export interface Relation {
  says: string;
  ref: string;
  /** Whether it is in the catalog, or among what is registered here. */
  isKnown: boolean;
}

export interface Finding {
  row: Row;
  change: "new" | "changed" | "same";
  /** What manages the one that is there, when it is not a call of the API. */
  managedBy: string;
  before: string;
  after: string;
  relations: Relation[];
}

/** Members in one order, so that only what is said counts. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => [name, sorted(one)]));
}

function yamlOf(entity: Entity): string {
  return stringify(sorted(plain(entity)), { aliasDuplicateObjects: false });
}

function relationsOf(entity: Entity, row: Row): Omit<Relation, "isKnown">[] {
  const spec = (entity["spec"] ?? {}) as Entity;
  return RELATIONS.flatMap(({ field, says, kind }) => {
    const value = spec[field];
    const refs = typeof value === "string" ? [value] : Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
    return refs.map((ref) => ({ says, ref: fullRef(ref, kind, row.namespace) }));
  });
}

function managerOf(entity: Entity | null | undefined): string {
  const annotations = ((entity?.["metadata"] as Entity | undefined)?.["annotations"] ?? {}) as Entity;
  const by = annotations["backstage.io/managed-by-origin-location"] ?? annotations["backstage.io/managed-by-location"];
  return typeof by === "string" && !by.startsWith("api:") ? by : "";
}

/** `ours` are the locations that they come from; what another one manages is told. */
async function compare(entities: Entity[], ours: string[], signal: AbortSignal): Promise<Finding[]> {
  const found = entities.map((entity) => ({ entity, row: rowOf(entity) })).map((one) => ({ ...one, relations: relationsOf(one.entity, one.row) }));
  const own = new Set(found.map(({ row }) => row.ref));
  const refs = [...new Set([...own, ...found.flatMap(({ relations }) => relations.map(({ ref }) => ref))])].slice(0, 10_000);
  const { data } = refs.length > 0 ? await call("post", "/api/catalog/entities/by-refs", { body: { entityRefs: refs }, signal }) : { data: { items: [] } };
  const there = new Map(refs.map((ref, i) => [ref, data.items[i] as Entity | null | undefined]));
  return found.map(({ entity, row, relations }) => {
    const known = there.get(row.ref);
    const before = known ? yamlOf(known) : "";
    const after = yamlOf(entity);
    const manager = managerOf(known);
    return {
      row, before, after,
      change: !known ? "new" : before === after ? "same" : "changed",
      managedBy: ours.includes(manager) ? "" : manager,
      relations: relations.map((one) => ({ ...one, isKnown: own.has(one.ref) || !!there.get(one.ref) })),
    };
  });
}

/** `id` tells what they were read from. */
export function useFindings(id: string, entities: Entity[] | undefined, ours: string[]): UseQueryResult<Finding[], Error> {
  return useQuery<Finding[], Error>({
    queryKey: ["findings", id, entities?.length],
    queryFn: ({ signal }) => compare(entities ?? [], ours, signal),
    enabled: entities !== undefined,
    meta: { live: ["catalog.entity.*"] },
    placeholderData: (before) => before,
  });
}
