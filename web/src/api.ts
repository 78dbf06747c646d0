// SPDX-License-Identifier: Apache-2.0
// Calls of the API, and what of its answers the page uses.
export interface Entity {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    title?: string;
    description?: string;
    tags?: string[];
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    links?: { url: string; title?: string; type?: string }[];
  };
  spec?: Record<string, unknown>;
  relations?: { type: string; targetRef: string }[];
  status?: { items?: { type: string; level: string; message: string }[] };
}

export interface Page {
  items: Entity[];
  totalItems?: number;
  pageInfo: { nextCursor?: string; prevCursor?: string };
}

export interface Health {
  status: string;
  uptime?: Record<string, number | null>;
  checks?: { name?: string; status?: string; last_result?: { at?: string; error?: string | null; duration_ms?: number } | null }[];
}

/** What went wrong, in words for people. */
export class Problem extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly requestId: string,
  ) {
    super(message);
  }
}

async function problem(response: Response): Promise<Problem> {
  const requestId = response.headers.get("X-Request-Id") ?? "";
  let message = `The server answered ${response.status}.`;
  try {
    const body = await response.json();
    message = body.detail ?? body.error?.message ?? message;
  } catch {
    // not JSON: the status says it
  }
  return new Problem(message, response.status, requestId);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { headers: { Accept: "application/json" }, signal: signal ?? null });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new Problem("The server cannot be reached.", 0, "");
  }
  if (response.status === 401) setTimeout(() => dispatchEvent(new Event("signed-out"))); // after the view has shown its problem
  if (!response.ok) throw await problem(response);
  return (await response.json()) as T;
}

export interface Query {
  kind: string;
  text: string;
  cursor: string;
}

export const PAGE_SIZE = 50;

export function entities(query: Query, signal: AbortSignal): Promise<Page> {
  const params = new URLSearchParams({ limit: String(PAGE_SIZE) });
  if (query.cursor) {
    params.set("cursor", query.cursor);
  } else {
    params.set("orderField", "metadata.name,asc");
    if (query.kind) params.set("filter", `kind=${query.kind}`);
    if (query.text) {
      params.set("fullTextFilterTerm", query.text);
      params.set("fullTextFilterFields", "metadata.name,metadata.title,metadata.description,spec.owner,metadata.tags");
    }
  }
  return get<Page>(`/api/catalog/entities/by-query?${params}`, signal);
}

export interface Facet {
  value: string;
  count: number;
}

export async function kinds(signal: AbortSignal): Promise<Facet[]> {
  const answer = await get<{ facets: Record<string, Facet[]> }>("/api/catalog/entity-facets?facet=kind", signal);
  return (answer.facets["kind"] ?? []).sort((a, b) => b.count - a.count || a.value.localeCompare(b.value));
}

export function entity(kind: string, namespace: string, name: string, signal: AbortSignal): Promise<Entity> {
  const path = [kind, namespace, name].map(encodeURIComponent).join("/");
  return get<Entity>(`/api/catalog/entities/by-name/${path}`, signal);
}

/** Health of services by uid; empty where no module tells. */
export async function healthOf(uids: string[], signal: AbortSignal): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  if (uids.length === 0) return found;
  const params = new URLSearchParams(uids.map((uid) => ["id", uid]));
  params.set("fields", "id,health");
  params.set("limit", "500");
  try {
    const page = await get<{ items: { id: string; health?: { status?: string } | string }[] }>(`/api/services?${params}`, signal);
    for (const item of page.items) {
      const status = typeof item.health === "string" ? item.health : item.health?.status;
      if (status) found.set(item.id, status);
    }
  } catch (cause) {
    if (!(cause instanceof Problem)) throw cause;
  }
  return found;
}

export async function health(uid: string, signal: AbortSignal): Promise<Health | null> {
  try {
    return await get<Health>(`/api/services/${encodeURIComponent(uid)}/health`, signal);
  } catch (cause) {
    if (cause instanceof Problem) return null;
    throw cause;
  }
}
