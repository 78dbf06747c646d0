// SPDX-License-Identifier: Apache-2.0
// One stream of changes for the whole portal: it names the types of events that happened, at most once a second. Queries that one
// concerns are read again; unseen pages catch up when they are looked at, and after a reconnect everything live is read again.
import { useSyncExternalStore } from "react";
import { queryClient } from "../api";


let state: "connecting" | "live" | "away" = "connecting";
const watchers = new Set<() => void>();
const waiting = new Set<string>();
const ALL = "*";
const AT_MOST_EVERY_MS = 900;
let timer = 0;
let last = 0;

const patterns = new Map<string, RegExp>();
export function matches(pattern: string, type: string): boolean {
  let found = patterns.get(pattern);
  if (!found) {
    found = new RegExp(`^${pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`);
    patterns.set(pattern, found);
  }
  return found.test(type);
}

function flush(): void {
  timer = 0;
  if (document.visibilityState !== "visible" || waiting.size === 0) return;
  last = Date.now();
  const types = [...waiting];
  waiting.clear();
  void queryClient.invalidateQueries({
    predicate: ({ meta }) => (meta?.live ?? []).some((pattern) => types.some((type) => type === ALL || matches(pattern, type))),
  });
}

/** At once after a quiet while, else together with what comes within the second: a large read must not have all read again all the time. */
function soon(): void {
  if (timer === 0) timer = window.setTimeout(flush, Math.max(0, last + AT_MOST_EVERY_MS - Date.now()));
}

function note(message: MessageEvent<string>): void {
  try {
    for (const type of (JSON.parse(message.data) as { types: string[] }).types) waiting.add(type);
  } catch {
    waiting.add(ALL);
  }
  soon();
}

function show(next: typeof state): void {
  if (state === next) return;
  state = next;
  for (const watcher of watchers) watcher();
}

let source: EventSource | null = null;
let again = 0;

/** Opens the stream, or opens it anew after somebody signed in. */
export function follow(): void {
  source?.close();
  clearTimeout(again);
  const mine = new EventSource("/api/events/changes");
  source = mine;
  mine.onopen = () => {
    if (state === "away") waiting.add(ALL);
    show("live");
    soon();
  };
  mine.onmessage = note;
  mine.onerror = () => {
    show("away");
    if (mine.readyState === EventSource.CLOSED && mine === source) again = window.setTimeout(follow, 10_000);
  };
}

export function stop(): void {
  source?.close();
  source = null;
  clearTimeout(again);
}

document.addEventListener("visibilitychange", soon);

export function useLiveState(): typeof state {
  return useSyncExternalStore((watcher) => {
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }, () => state);
}
