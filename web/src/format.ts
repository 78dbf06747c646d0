// SPDX-License-Identifier: Apache-2.0
import { h } from "./dom";
import type { Entity } from "./api";

export interface Ref {
  kind: string;
  namespace: string;
  name: string;
}

/** "[kind:][namespace/]name" */
export function parseRef(text: string, kind = "", namespace = "default"): Ref {
  const colon = text.indexOf(":");
  const slash = text.indexOf("/");
  const hasKind = colon >= 0 && (slash < 0 || colon < slash);
  const rest = hasKind ? text.slice(colon + 1) : text;
  const at = rest.indexOf("/");
  return {
    kind: hasKind ? text.slice(0, colon) : kind,
    namespace: at >= 0 ? rest.slice(0, at) : namespace,
    name: at >= 0 ? rest.slice(at + 1) : rest,
  };
}

export function refOf(entity: Entity): Ref {
  return { kind: entity.kind, namespace: entity.metadata.namespace ?? "default", name: entity.metadata.name };
}

/** What people call it: its title, a person's name, what a generated Location points to, its name. */
export function titleOf(entity: Entity): string {
  const profile = entity.spec?.["profile"] as { displayName?: unknown } | undefined;
  const target = entity.kind === "Location" && entity.metadata.name.startsWith("generated-") ? text(entity.spec?.["target"]) : "";
  return entity.metadata.title || text(profile?.displayName) || target || entity.metadata.name;
}

export function refText(ref: Ref): string {
  return `${ref.kind}:${ref.namespace}/${ref.name}`.toLowerCase();
}

export function refPath(ref: Ref): string {
  return "/catalog/" + [ref.namespace, ref.kind, ref.name].map((part) => encodeURIComponent(part.toLowerCase())).join("/");
}

/** A link to an entity, as short as it is clear. */
export function refLink(text: string, kind = "", namespace = "default"): HTMLElement {
  const ref = parseRef(text, kind, namespace);
  const shown = ref.namespace === "default" ? ref.name : `${ref.namespace}/${ref.name}`;
  if (!ref.kind) return h("span", null, shown);
  return h("a", { href: refPath(ref), title: refText(ref) }, shown);
}

const SHAPES: Record<string, [string, string]> = {
  healthy: ["●", "good"],
  ok: ["●", "good"],
  degraded: ["▲", "warn"],
  unhealthy: ["■", "bad"],
  failing: ["■", "bad"],
  failed: ["■", "bad"],
  running: ["◐", "busy"],
  paused: ["⏸", "none"],
};

/** State is a shape as well as a colour. */
export function state(name: string): HTMLElement {
  const [shape, colour] = SHAPES[name] ?? ["○", "none"];
  return h("span", { class: `state ${colour}` }, h("span", { "aria-hidden": "true" }, shape), " ", name);
}

export function when(time: string): HTMLElement {
  const seconds = Math.round((Date.parse(time) - Date.now()) / 1000);
  const units: [Intl.RelativeTimeFormatUnit, number][] = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const [unit, size] = units.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(seconds / size), unit);
  return h("time", { datetime: time, title: new Date(time).toLocaleString() }, words);
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}
