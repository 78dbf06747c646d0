// SPDX-License-Identifier: Apache-2.0
// The address of the page: its parameters and its query, which hold all state that a link should carry.
import { useNavigate, useParams as useRouterParams, useRouterState } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";

/** The `$x` of the page's path, decoded. */
export function useParams(): Record<string, string> {
  return useRouterParams({ strict: false }) as Record<string, string>;
}

export type Changes = Record<string, string | readonly string[] | null | undefined>;

/** What changes in a query; null, undefined, "" and [] take a name away. */
export function withChanges(query: URLSearchParams, changes: Changes): URLSearchParams {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    const values = value === null || value === undefined || value === "" ? [] : typeof value === "string" ? [value] : value;
    for (const one of values) next.append(name, one);
  }
  return next;
}

export interface Address {
  path: string;
  query: URLSearchParams;
  /** Changes the query of this page; `replace` leaves no step in the history, as typing should. */
  setQuery: (changes: Changes, options?: { replace?: boolean }) => void;
  /** The path of this page with a changed query, for links. */
  withQuery: (changes: Changes) => string;
}

export function useAddress(): Address {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const search = useRouterState({ select: (state) => state.location.searchStr });
  const navigate = useNavigate();
  const query = useMemo(() => new URLSearchParams(search), [search]);
  const withQuery = useCallback((changes: Changes) => {
    const text = withChanges(query, changes).toString();
    return text ? `${path}?${text}` : path;
  }, [path, query]);
  const setQuery = useCallback((changes: Changes, options?: { replace?: boolean }) => {
    void navigate({ href: withQuery(changes), replace: options?.replace ?? false, resetScroll: false } as never);
  }, [navigate, withQuery]);
  return { path, query, setQuery, withQuery };
}

/** Goes to a path of the portal, with its query: "/catalog?kind=api". */
export function useGo(): (to: string, options?: { replace?: boolean }) => void {
  const navigate = useNavigate();
  return useCallback((to, options) => void navigate({ href: to, replace: options?.replace ?? false } as never), [navigate]);
}
