// SPDX-License-Identifier: Apache-2.0
// One entity: what it is, what it belongs to, whether it is well, what is wrong, the raw text.
import * as api from "./api";
import { copyButton, externalLink, h, replace } from "./dom";
import type { Child } from "./dom";
import { parseRef, refLink, refOf, refText, state, text, titleOf, when } from "./format";
import { failure } from "./panels";
import { toYaml } from "./yaml";

const RELATION_WORDS: Record<string, string> = {
  ownedBy: "Owned by", ownerOf: "Owns", partOf: "Part of", hasPart: "Has part", dependsOn: "Depends on",
  dependencyOf: "Needed by", providesApi: "Provides API", apiProvidedBy: "Provided by", consumesApi: "Uses API",
  apiConsumedBy: "Used by", childOf: "Child of", parentOf: "Parent of", memberOf: "Member of", hasMember: "Has member",
};
const SPEC_SHOWN: [string, string, string][] = [
  ["owner", "Owner", "group"], ["system", "System", "system"], ["domain", "Domain", "domain"], ["type", "Type", ""],
  ["lifecycle", "Lifecycle", ""], ["subcomponentOf", "Part of", "component"], ["target", "Target", ""],
];

function card(title: string, ...children: Child[]): HTMLElement {
  const id = `card-${title.toLowerCase().replace(/\W+/g, "-")}`;
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), ...children);
}

function about(entity: api.Entity): HTMLElement {
  const ref = refOf(entity);
  const rows: [string, Child][] = [];
  for (const [key, label, kind] of SPEC_SHOWN) {
    const value = text(entity.spec?.[key]);
    if (value) rows.push([label, kind ? refLink(value, kind, ref.namespace) : value]);
  }
  rows.push(["Namespace", ref.namespace]);
  if (entity.metadata.tags?.length) {
    rows.push(["Tags", h("span", { class: "tags" }, ...entity.metadata.tags.map((tag) => h("span", { class: "tag" }, tag)))]);
  }
  const annotations = entity.metadata.annotations ?? {};
  const source = annotations["backstage.io/view-url"] ?? annotations["backstage.io/managed-by-location"];
  if (source) rows.push(["Described in", externalLink(source.replace(/^url:/, ""), source.replace(/^(url|file):/, ""))]);
  if (annotations["backstage.io/orphan"] === "true") rows.push(["State", h("span", { class: "state warn" }, "▲ no source names it any more")]);
  return card("About", h("dl", null, ...rows.flatMap(([label, value]) => [h("dt", null, label), h("dd", null, value)])));
}

function links(entity: api.Entity): HTMLElement | null {
  const all = entity.metadata.links ?? [];
  return all.length === 0 ? null
    : card("Links", h("ul", null, ...all.map((link) => h("li", null, externalLink(link.url, link.title ?? link.url)))));
}

function relations(entity: api.Entity): HTMLElement {
  const groups = new Map<string, string[]>();
  for (const { type, targetRef } of entity.relations ?? []) groups.set(type, [...(groups.get(type) ?? []), targetRef]);
  if (groups.size === 0) return card("Relations", h("p", { class: "faint" }, "It has none. dependsOn, system and owner in its spec make some."));
  const item = (target: string) => h("li", null, refLink(target), " ", h("span", { class: "faint" }, parseRef(target).kind));
  return card("Relations", h("dl", null, ...[...groups].flatMap(([type, targets]) => [
    h("dt", null, RELATION_WORDS[type] ?? type),
    h("dd", null, h("ul", null, ...targets.map(item))),
  ])));
}

function problems(entity: api.Entity): HTMLElement | null {
  const items = entity.status?.items ?? [];
  return items.length === 0 ? null
    : card("Problems", h("ul", { class: "problems" }, ...items.map((item) => h("li", null, h("span", { class: "state bad" }, "■ ", item.level), " ", item.message))));
}

function healthCard(health: api.Health): HTMLElement {
  const uptime = Object.entries(health.uptime ?? {}).filter(([, value]) => typeof value === "number") as [string, number][];
  const percent = (value: number) => `${(value <= 1 ? value * 100 : value).toFixed(2)} %`;
  const checks = health.checks ?? [];
  return card("Health", h("p", { class: "large" }, state(health.status)),
    uptime.length > 0 && h("dl", null, ...uptime.flatMap(([span, value]) => [h("dt", null, `Uptime, last ${span}`), h("dd", null, percent(value))])),
    checks.length > 0 && h("ul", null, ...checks.map((check) => h("li", null, state(check.status ?? "unknown"), " ", check.name ?? "",
      check.last_result?.at && h("span", { class: "faint" }, " ", when(check.last_result.at)),
      check.last_result?.error && h("span", { class: "faint" }, " ", check.last_result.error)))),
    checks.length === 0 && h("p", { class: "faint" }, "No check watches it yet: fairway help services health-checks create."));
}

function raw(entity: api.Entity): HTMLElement {
  const forms = { YAML: toYaml(entity), JSON: JSON.stringify(entity, null, 2) + "\n" };
  const pre = h("pre", { tabindex: "0", "aria-label": "The entity as text" }, forms.YAML);
  let shown: keyof typeof forms = "YAML";
  const buttons = (Object.keys(forms) as (keyof typeof forms)[]).map((name) => {
    const button = h("button", { type: "button", "aria-pressed": String(name === shown) }, name);
    button.addEventListener("click", () => {
      shown = name;
      pre.textContent = forms[name];
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    });
    return button;
  });
  return h("details", { class: "card raw" }, h("summary", null, h("h2", null, "As YAML or JSON")),
    h("div", { class: "toolbar", role: "group", "aria-label": "Form" }, ...buttons, copyButton(() => forms[shown], "Copy")), pre);
}

function skeleton(): HTMLElement {
  const bones = (n: number) => Array.from({ length: n }, (_, i) => h("p", null, h("span", { class: `bone b${i % 4}` })));
  return h("div", { class: "cards", "aria-hidden": "true" }, h("section", { class: "card" }, ...bones(5)), h("section", { class: "card" }, ...bones(5)));
}

/** Shows an entity in main; gives what to do when the catalog changes. */
export function show(main: HTMLElement, kind: string, namespace: string, name: string): (refs: Set<string>) => void {
  let abort = new AbortController();
  const title = h("h1", null, name);
  const facts = h("p", { class: "facts" });
  const describe = h("p", { class: "lead" });
  const body = h("div", null, skeleton());
  const kindLink = h("a", { href: `/catalog?kind=${encodeURIComponent(kind)}` }, kind);
  const ref = refText({ kind, namespace, name });
  document.title = `${name} · Fairway`;
  replace(main,
    h("nav", { class: "crumbs", "aria-label": "Where this is" }, h("a", { href: "/catalog" }, "Catalog"), " / ",
      kindLink, " / ", h("span", { "aria-current": "page" }, name)),
    h("div", { class: "head" }, title, facts), describe, body);

  async function load(): Promise<void> {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    try {
      const entity = await api.entity(kind, namespace, name, signal);
      const health = entity.kind === "Component" && entity.metadata.uid ? await api.health(entity.metadata.uid, signal) : null;
      title.textContent = titleOf(entity);
      kindLink.textContent = entity.kind;
      document.title = `${title.textContent} · Fairway`;
      describe.textContent = entity.metadata.description ?? "";
      replace(facts, health && state(health.status), health && " ", h("code", null, ref), " ", copyButton(() => ref, "Copy"));
      const wasOpen = body.querySelector("details")?.open ?? false;
      const text_ = raw(entity);
      if (text_ instanceof HTMLDetailsElement) text_.open = wasOpen;
      const cards = [problems(entity), about(entity), relations(entity), health && healthCard(health), links(entity)];
      replace(body, h("div", { class: "cards" }, ...cards), text_);
    } catch (cause) {
      if (signal.aborted) return;
      if (cause instanceof api.Problem && cause.status === 404) {
        replace(body, h("section", { class: "panel" }, h("h2", null, "There is no such entity"),
          h("p", null, h("code", null, ref), " is not in the catalog. It may have been renamed, or its source is gone."),
          h("a", { class: "button", href: `/catalog?q=${encodeURIComponent(name)}` }, "Search for it")));
      } else {
        replace(body, failure(cause, () => void load()));
      }
    }
  }
  void load();
  return (refs) => {
    if (refs.has(ref) || refs.has("")) void load();
  };
}
