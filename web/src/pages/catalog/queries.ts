// SPDX-License-Identifier: Apache-2.0
// What the list reads. Never more than one page: how many there are, the server counts.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { UseQueryResult } from "@tanstack/react-query";
import { useMemo } from "react";
import { call, useGet } from "../../api";
import type { Answer } from "../../api";
import { useMe } from "../../app/me";
import { asFilter, asPredicate, textFields } from "./conditions";
import type { Question } from "./conditions";
import { FIELDS, rowOf } from "./row";
import type { Row } from "./row";
import { SORTS } from "./state";
import type { Sort } from "../../ui";

export const PAGE = 100;
const LIVE = ["catalog.entity.*"];

type Page = Answer<"/api/catalog/entities/by-query">;
type Facets = Answer<"/api/catalog/entity-facets">;

export interface Place {
  kind: string;
  sort: Sort;
  cursor: string;
  limit?: number;
}

function withText(kind: string, text: string): Record<string, unknown> {
  return text ? { fullTextFilterTerm: text, fullTextFilterFields: textFields(kind) } : {};
}

/** One page of the entities; undefined asks nothing. */
export function useEntities(question: Question | undefined, { kind, sort, cursor, limit = PAGE }: Place): UseQueryResult<Page, Error> {
  const filter = question && asFilter(question);
  const isPlain = question !== undefined && filter !== undefined;
  const order = SORTS[sort.by] ?? "metadata.name";
  const direction = sort.descending ? "desc" : "asc";
  const text = question?.text ?? "";
  const query = cursor
    ? { cursor, limit, fields: FIELDS }
    : { filter: filter ?? [], ...withText(kind, text), orderField: [`${order},${direction}`], limit, fields: FIELDS };
  const get = useGet("/api/catalog/entities/by-query", { params: { query } }, { live: LIVE, keep: true, enabled: isPlain });

  const path = "/api/catalog/entities/by-query";
  const body = cursor
    ? { cursor, limit, fields: FIELDS }
    : {
        query: question ? asPredicate(question) : {}, orderBy: [{ field: order, order: direction }], limit, fields: FIELDS,
        ...(text ? { fullTextFilter: { term: text, fields: textFields(kind) } } : {}),
      };
  const post = useQuery<Page, Error>({
    queryKey: [path, body],
    queryFn: async ({ signal }) => (await call("post", path, { body: body as never, signal })).data,
    enabled: question !== undefined && !isPlain,
    meta: { live: LIVE },
    placeholderData: keepPreviousData as never,
  });
  return question !== undefined && !isPlain ? post : get;
}

export function useRows(page: Page | undefined): Row[] {
  const items = page?.items;
  return useMemo(() => (items ?? []).map(rowOf), [items]);
}

/** How often the values of some keys occur among the entities asked for. */
export function useFacets(keys: string[], question: Question | undefined, kind: string, enabled = true): UseQueryResult<Facets, Error> {
  const filter = question && asFilter(question);
  const isPlain = question !== undefined && filter !== undefined;
  const text = question?.text ?? "";
  const query = { facet: keys, ...(filter && filter.length > 0 ? { filter } : {}), ...withText(kind, text) };
  const get = useGet("/api/catalog/entity-facets", { params: { query } }, { live: LIVE, keep: true, enabled: enabled && isPlain });

  const path = "/api/catalog/entity-facets";
  const body = { facets: keys, query: question ? asPredicate(question) : {}, ...(text ? { fullTextFilter: { term: text, fields: textFields(kind) } } : {}) };
  const post = useQuery<Facets, Error>({
    queryKey: [path, body],
    queryFn: async ({ signal }) => (await call("post", path, { body: body as never, signal })).data,
    enabled: enabled && question !== undefined && !isPlain,
    meta: { live: LIVE },
    placeholderData: keepPreviousData as never,
  });
  return question !== undefined && !isPlain ? post : get;
}

export type Health = "healthy" | "degraded" | "unhealthy" | "unknown";

/** The health of the components of a page, in one call. */
export function useHealth(rows: Row[]): { of: ReadonlyMap<string, Health>; error: Error | null; retry: () => void; isPending: boolean } {
  const ids = useMemo(() => rows.filter((row) => row.kind.toLowerCase() === "component" && row.uid).map((row) => row.uid).slice(0, PAGE), [rows]);
  const { data, error, refetch, isPending } = useGet(
    "/api/services",
    { params: { query: { id: ids, fields: ["id", "health"], limit: PAGE } } },
    { live: ["services.health_changed"], keep: true, enabled: ids.length > 0 },
  );
  const of = useMemo(() => new Map((data?.items ?? []).map((service) => [service.id, service.health ?? "unknown"])), [data]);
  return { of, error, retry: () => void refetch(), isPending: ids.length > 0 && isPending };
}

/** The references that are somebody's own: theirs and their groups'. Undefined while they are not known; empty with `--auth open`. */
export function useMine(enabled: boolean): { mine: string[] | undefined; error: Error | null; retry: () => void } {
  const self = useMe()?.user?.entity_ref?.toLowerCase() ?? "";
  const query = { filter: [`kind=group,relations.hasMember=${self}`], fields: ["kind", "metadata.name", "metadata.namespace"], limit: 500 };
  const groups = useGet("/api/catalog/entities/by-query", { params: { query } }, { live: LIVE, enabled: enabled && self !== "" });
  const items = groups.data?.items;
  const mine = useMemo(() => (self === "" ? [] : items ? [self, ...items.map((item) => rowOf(item).ref)] : undefined), [self, items]);
  return { mine, error: groups.error, retry: () => void groups.refetch() };
}
