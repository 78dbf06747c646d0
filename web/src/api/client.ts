// SPDX-License-Identifier: Apache-2.0
// The API by its contract: paths, parameters, bodies and answers have the types of src/schema.d.ts, so a changed contract breaks
// the type check of what uses it.
import createClient, { createFinalURL, createQuerySerializer, defaultPathSerializer } from "openapi-fetch";
import type { FetchResponse, MaybeOptionalInit } from "openapi-fetch";
import type { HttpMethod, PathsWithMethod } from "openapi-typescript-helpers";
import type { paths } from "../schema";
import { Problem, problemOf } from "./problem";

type Paths<M extends HttpMethod> = PathsWithMethod<paths, M>;
type Operation<P extends keyof paths, M extends HttpMethod> = paths[P] extends Record<M, infer O extends Record<string | number, unknown>> ? O : never;
export type Init<P extends keyof paths, M extends HttpMethod> = MaybeOptionalInit<paths[P], M & keyof paths[P]>;
/** What an operation answers when it succeeds. */
export type Answer<P extends keyof paths, M extends HttpMethod = "get"> = NonNullable<FetchResponse<Operation<P, M>, object, "application/json">["data"]>;

let csrf = "";
/** The token a call that changes something shows, with a session cookie. */
export function setCsrf(token: string | undefined): void {
  csrf = token ?? "";
}

/** Told when a call is answered 401. */
let onSignedOut: () => void = () => undefined;
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

/** Lists that the contract takes as one value with commas (`explode: false`); all others are given once for each item. */
const JOINED = ["fields", "sort", "fullTextFilterFields"];
const eachItem = createQuerySerializer();

function querySerializer(query: unknown): string {
  const given = Object.entries((query ?? {}) as Record<string, unknown>);
  return eachItem(Object.fromEntries(given.map(([name, value]) => [name, JOINED.includes(name) && Array.isArray(value) ? value.join(",") : value])));
}

const client = createClient<paths>({
  baseUrl: "",
  querySerializer,
  headers: { Accept: "application/json" },
  fetch: async (request) => {
    if (csrf && request.method !== "GET") request.headers.set("X-CSRF-Token", csrf);
    try {
      return await fetch(request);
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
      throw new Problem("The server cannot be reached. Look whether it runs and whether this computer is online.", 0);
    }
  },
});

export interface Answered<T> {
  data: T;
  /** For If-Match. */
  etag: string;
  response: Response;
}

/** Their 401 says that a password, code or link is wrong, not that a session has ended. */
const SIGNS_IN = /^\/api\/auth\/(login|second-factor|passkey-sign-in|one-time|refresh)$/;

/** Calls an operation; throws a Problem when it fails. */
export async function call<M extends HttpMethod, P extends Paths<M>>(method: M, path: P, init?: Init<P & keyof paths, M>): Promise<Answered<Answer<P & keyof paths, M>>> {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  const request = (client as any).request as (method: string, path: string, init: unknown) => Promise<{ data?: unknown; response: Response; error?: unknown }>;
  const { data, response, error } = await request(method, path, init ?? {});
  if (!response.ok) {
    const problem = await failure(response, error);
    if (problem.status === 401 && !SIGNS_IN.test(String(path))) onSignedOut();
    throw problem;
  }
  const renewed = (data as { csrf_token?: string } | undefined)?.csrf_token;
  if (renewed) csrf = renewed; // the cookie is a new one too
  return { data: data as Answer<P & keyof paths, M>, etag: response.headers.get("ETag") ?? "", response };
}

/** The body has been read by the client already. */
function failure(response: Response, error: unknown): Promise<Problem> {
  const body = typeof error === "string" ? error : JSON.stringify(error ?? {});
  return problemOf(new Response(body, { status: response.status, headers: response.headers }));
}

/** The address that an operation has, for links, downloads and what came with the page. */
export function urlOf<P extends Paths<"get">>(path: P, init?: { params?: { path?: Record<string, unknown>; query?: Record<string, unknown> } }): string {
  return createFinalURL(path as string, { baseUrl: "", params: (init?.params ?? {}) as { query?: Record<string, unknown>; path?: Record<string, unknown> }, querySerializer, pathSerializer: defaultPathSerializer });
}
