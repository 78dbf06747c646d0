// SPDX-License-Identifier: Apache-2.0
// Reading and changing over the API from components. Everything read stays live: a query names the types of events that
// change it, and app/live.ts has it read again when one comes.
import { QueryClient, keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import type { UseMutationResult, UseQueryResult } from "@tanstack/react-query";
import type { PathsWithMethod } from "openapi-typescript-helpers";
import type { paths } from "../schema";
import { bootAnswer } from "../app/boot";
import { asProblem } from "./problem";
import { call, urlOf } from "./client";
import type { Answer, Init } from "./client";

declare module "@tanstack/react-query" {
  interface Register {
    queryMeta: { live?: string[] };
  }
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: true,
      retry: (count, cause) => count < 2 && asProblem(cause).mayPass,
      retryDelay: (count) => 400 * 2 ** count,
    },
  },
});

export interface GetOptions {
  /** Types of events after which it is read again, with `*` for any text: ["catalog.entity.*"]. */
  live?: string[];
  /** false: do not ask (yet). */
  enabled?: boolean;
  /** The answer of other parameters stays shown until this one is there. */
  keep?: boolean;
  /** Also read again every so many milliseconds, for what no event tells. */
  every?: number;
}

type Gets = PathsWithMethod<paths, "get">;

/** Reads an operation: `useGet("/api/teams/{id}", { params: { path: { id } } }, { live: ["teams.*"] })`. */
export function useGet<P extends Gets>(path: P, init?: Init<P, "get">, options: GetOptions = {}): UseQueryResult<Answer<P>, Error> {
  const given = (init ?? {}) as { params?: { path?: Record<string, unknown>; query?: Record<string, unknown> } };
  const known = options.enabled === false ? undefined : bootAnswer(urlOf(path, given));
  return useQuery<Answer<P>, Error>({
    queryKey: [path, given.params ?? {}],
    queryFn: async ({ signal }) => (await call("get", path, { ...given, signal } as unknown as Init<P, "get">)).data,
    enabled: options.enabled ?? true,
    meta: { live: options.live ?? [] },
    ...(known === undefined ? {} : { initialData: known as Answer<P> }),
    ...(options.keep ? { placeholderData: keepPreviousData as never } : {}),
    ...(options.every ? { refetchInterval: options.every } : {}),
  });
}

/** Has queries of a path (or of all below it) read again. */
export function again(...startsWith: string[]): Promise<void> {
  return queryClient.invalidateQueries({ predicate: (query) => startsWith.some((start) => String(query.queryKey[0]).startsWith(start)) });
}

/** Something that changes things: `const remove = useChange(() => call("delete", …), ["/api/teams"])`; then what it names is read again. */
export function useChange<V = void, T = unknown>(change: (values: V) => Promise<T>, reads: string[] = []): UseMutationResult<T, Error, V> {
  return useMutation<T, Error, V>({ mutationFn: change, onSuccess: () => { void again(...reads); } });
}
