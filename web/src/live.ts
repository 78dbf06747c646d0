// SPDX-License-Identifier: Apache-2.0
// Changes of the catalog as they happen. Many at once become one call: a large read must not make every
// open page ask a thousand times.
import type { components } from "./schema";

type CloudEvent = components["schemas"]["Event"];

const SETTLE_MS = 400;
const AT_MOST_EVERY_MS = 3000;

type Listener = (refs: Set<string>) => void;

let listener: Listener | null = null;
let changed = new Set<string>();
let timer = 0;
let last = 0;

export function onChange(next: Listener | null): void {
  listener = next;
}

function flush(): void {
  timer = 0;
  last = Date.now();
  const refs = changed;
  changed = new Set();
  if (document.visibilityState === "visible") listener?.(refs);
  else changed = refs;
}

function note(event: MessageEvent<string>): void {
  try {
    changed.add(String((JSON.parse(event.data) as CloudEvent).subject ?? "").toLowerCase());
  } catch {
    changed.add("");
  }
  const wait = Math.max(SETTLE_MS, last + AT_MOST_EVERY_MS - Date.now());
  if (timer === 0) timer = window.setTimeout(flush, wait);
}

export function follow(show: (state: "live" | "away") => void): void {
  const types = ["catalog.entity.created", "catalog.entity.updated", "catalog.entity.deleted", "services.health_changed"];
  const source = new EventSource(`/api/events?types=${encodeURIComponent(types.join(","))}`);
  source.onopen = () => show("live");
  source.onerror = () => {
    show("away");
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(show), 10_000);
  };
  for (const type of types) source.addEventListener(type, note as EventListener);
  source.addEventListener("stream.reset", note as EventListener);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && changed.size && timer === 0) flush();
  });
}
