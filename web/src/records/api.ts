// SPDX-License-Identifier: Apache-2.0
// The operations every record has, by the path of its collection. The contract is the same for all of them, so what is known
// of one path is said once, here, where types are widened.
import { useQueries, useQuery } from "@tanstack/react-query";
import type { UseQueryResult } from "@tanstack/react-query";
import { useMemo } from "react";
import { call, useGet } from "../api";
import type { Answered, Schemas } from "../api";
import { shortId } from "./kind";
import type { Collection, Names, Values } from "./kind";

export interface Listed<T> {
  items: T[];
  next_cursor: string | null;
  total?: number;
}

type Query = Record<string, string | number | boolean | string[] | undefined>;

/** A page of a list. `inside` fills the parameters of the collection's path. */
export function useRecords<T>(path: Collection, query: Query, options: { live?: string[]; enabled?: boolean; keep?: boolean; every?: number } = {}): UseQueryResult<Listed<T>, Error> {
  return useGet(path as "/api/teams", { params: { query: query as never } }, { keep: true, ...options }) as unknown as UseQueryResult<Listed<T>, Error>;
}

const item = (path: Collection) => `${path}/{id}` as "/api/teams/{id}";

export function readRecord<T>(path: Collection, id: string): Promise<Answered<T>> {
  return call("get", item(path), { params: { path: { id } } }) as unknown as Promise<Answered<T>>;
}

/** One record with its ETag. */
export function useRecord<T>(path: Collection, id: string | undefined, live: string[], every?: number): UseQueryResult<{ row: T; etag: string }, Error> {
  return useQuery<{ row: T; etag: string }, Error>({
    queryKey: [item(path), { path: { id } }, "etag"],
    queryFn: async () => {
      const { data, etag } = await readRecord<T>(path, id ?? "");
      return { row: data, etag };
    },
    enabled: id !== undefined,
    ...(every ? { refetchInterval: every } : {}),
    meta: { live },
  });
}

export function createRecord<T>(path: Collection, body: Values, key: string): Promise<Answered<T>> {
  return call("post", path as "/api/teams", { body: body as never, headers: { "Idempotency-Key": key } } as never) as unknown as Promise<Answered<T>>;
}

export function patchRecord<T>(path: Collection, id: string, patch: Values, etag: string): Promise<Answered<T>> {
  return call("patch", item(path), {
    params: { path: { id }, ...(etag ? { header: { "If-Match": etag } } : {}) },
    body: patch as never,
    headers: { "Content-Type": "application/merge-patch+json" },
  } as never) as unknown as Promise<Answered<T>>;
}

export function deleteRecord(path: Collection, id: string): Promise<unknown> {
  return call("delete", item(path), { params: { path: { id } } } as never);
}

export function restoreRecord(path: Collection, id: string): Promise<unknown> {
  return call("post", `${item(path)}/restore` as "/api/teams/{id}/restore", { params: { path: { id } } });
}

export function useHistory(path: Collection, id: string, live: string[], limit: number): UseQueryResult<Schemas["RecordHistory"], Error> {
  return useGet(`${item(path)}/history` as "/api/teams/{id}/history", { params: { path: { id }, query: { limit } } }, { live, keep: true });
}

/** Collections whose records can be restored, so that names of what is deleted are found too. */
const KEPT: readonly Collection[] = ["/api/organizations", "/api/teams", "/api/users", "/api/service-accounts", "/api/environments"];
const FEW = 100;

type Ids = Partial<Record<string, readonly (string | null | undefined)[]>>;

/** The ids in rows by their collection: those of the kind's references, and more. */
export function idsOf(refs: Partial<Record<string, Collection>>, rows: Values[], ...more: (Ids | undefined)[]): Ids {
  const found: Record<string, (string | null | undefined)[]> = {};
  for (const [member, path] of Object.entries(refs)) if (path) (found[path] ??= []).push(...rows.map((row) => row[member] as string | undefined));
  for (const ids of more) for (const [path, some] of Object.entries(ids ?? {})) (found[path] ??= []).push(...(some ?? []));
  return found;
}

/** Names for ids: one request for each collection, however many rows there are. */
export function useNames(wanted: Ids): Names {
  const asked = Object.entries(wanted).map(([path, ids]) => ({ path: path as Collection, ids: [...new Set((ids ?? []).filter((id): id is string => !!id))].sort().slice(0, FEW) }));
  const found = useQueries({
    queries: asked.map(({ path, ids }) => ({
      queryKey: [path, { names: ids }],
      queryFn: async () => {
        const query = { id: ids, limit: FEW, fields: ["id", "name"], ...(KEPT.includes(path) ? { include_deleted: true } : {}) };
        const { data } = await call("get", path as "/api/teams", { params: { query: query as never } });
        return data.items as { id: string; name: string }[];
      },
      enabled: ids.length > 0,
      staleTime: 60_000,
      retry: false,
    })),
  });
  const names = new Map(found.flatMap((query) => query.data ?? []).map((row) => [row.id, row.name]));
  const key = [...names].join();
  return useMemo(() => (id) => (id ? (names.get(id) ?? shortId(id)) : ""), [key]); // eslint-disable-line react-hooks/exhaustive-deps
}
