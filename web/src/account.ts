// SPDX-License-Identifier: Apache-2.0
// Who is here, and calls in their name. A call that changes something shows the token of the session (CSRF).
import { Problem } from "./api";
import type { components } from "./schema";

export type Me = components["schemas"]["Me"];

let csrf = "";

/** null: nobody has signed in, or the server asks nobody. */
export async function me(): Promise<Me | null> {
  const response = await fetch("/api/auth/me", { headers: { Accept: "application/json" } }).catch(() => null);
  const found = response?.ok ? ((await response.json()) as Me) : null;
  csrf = found?.csrf_token ?? "";
  return found?.kind === "user" ? found : null;
}

interface ProblemBody {
  detail?: string;
  errors?: { pointer?: string; detail?: string }[];
}

/** "Code is wrong." for a field, else the sentence of the server. */
function words(body: ProblemBody, status: number): string {
  const [first] = body.errors ?? [];
  const field = first?.pointer?.slice(1).replace(/_/g, " ") ?? "";
  if (first?.detail && field) return `${field.charAt(0).toUpperCase()}${field.slice(1)} ${first.detail}.`;
  return body.detail ?? `The server answered ${status}.`;
}

export async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...(csrf ? { "X-CSRF-Token": csrf } : {}) },
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch {
    throw new Problem("The server cannot be reached.", 0, "");
  }
  const text = await response.text();
  let parsed: unknown = null;
  try {
    parsed = text ? JSON.parse(text) : null;
  } catch {
    // not JSON: the status says it
  }
  if (!response.ok) throw new Problem(words((parsed ?? {}) as ProblemBody, response.status), response.status, response.headers.get("X-Request-Id") ?? "");
  const renewed = (parsed as { csrf_token?: string } | null)?.csrf_token;
  if (renewed) csrf = renewed; // the cookie is a new one too
  return parsed as T;
}

export function problemOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
