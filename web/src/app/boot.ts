// SPDX-License-Identifier: Apache-2.0
// What the server put into the page: who is here and answers of the API that this page asks first.
import type { components } from "../schema";

export type Me = components["schemas"]["Me"];

interface Boot {
  me: Me | null;
  /** "open": nobody is asked who they are. */
  auth?: "open" | "required";
  development?: boolean;
  version?: string;
  answers: Record<string, unknown>;
}

function read(): Boot {
  try {
    const found = JSON.parse(document.getElementById("boot")?.textContent ?? "") as Partial<Boot>;
    return { me: null, ...found, answers: found.answers ?? {} };
  } catch {
    return { me: null, answers: {} };
  }
}

export const boot = read();
export const nonce = document.querySelector<HTMLScriptElement>("script[nonce]")?.nonce ?? "";

function normal(url: string): string {
  const { pathname, searchParams } = new URL(url, location.origin);
  searchParams.sort();
  return `${pathname}?${searchParams}`;
}

const answers = new Map(Object.entries(boot.answers).map(([url, answer]) => [normal(url), answer]));
const readAt = Date.now();

/** The answer that came with the page, good for half a minute; the live stream tells of what changes after it. */
export function bootAnswer(url: string): unknown {
  return Date.now() - readAt < 30_000 ? answers.get(normal(url)) : undefined;
}
