// SPDX-License-Identifier: Apache-2.0
// The list: kinds as a facet, text search, pages by cursor, rows that follow the server.
import * as api from "./api";
import { h, replace } from "./dom";
import { refLink, refOf, refPath, refText, state, text, titleOf } from "./format";
import { command, empty, failure } from "./panels";

const SEARCH_WAIT_MS = 180;

interface View {
  query: api.Query;
  before: number; // rows on the pages before this one
  abort: AbortController;
  chips: HTMLElement;
  body: HTMLElement;
  status: HTMLElement;
  search: HTMLInputElement;
  changed: Set<string>;
}

function read(): api.Query & { before: number } {
  const params = new URLSearchParams(location.search);
  return {
    kind: params.get("kind") ?? "",
    text: params.get("q") ?? "",
    cursor: params.get("cursor") ?? "",
    before: Number(params.get("before")) || 0,
  };
}

function address(query: Partial<api.Query>, before = 0): string {
  const params = new URLSearchParams();
  if (query.kind) params.set("kind", query.kind);
  if (query.text) params.set("q", query.text);
  if (query.cursor) params.set("cursor", query.cursor);
  if (query.cursor && before > 0) params.set("before", String(before));
  const suffix = params.toString();
  return "/catalog" + (suffix ? `?${suffix}` : "");
}

function row(entity: api.Entity, health: string | undefined, isNew: boolean): HTMLElement {
  const ref = refOf(entity);
  const spec = entity.spec ?? {};
  const problems = entity.status?.items?.length ?? 0;
  return h("tr", { class: isNew ? "fresh" : null },
    h("td", { class: "name" },
      h("a", { href: refPath(ref), title: refText(ref) }, titleOf(entity)),
      ref.namespace !== "default" && h("span", { class: "faint" }, ` ${ref.namespace}`),
      problems > 0 && h("span", { class: "state bad" }, " ■ ", problems === 1 ? "1 problem" : `${problems} problems`),
      entity.metadata.description && h("span", { class: "describe", title: entity.metadata.description }, entity.metadata.description)),
    h("td", { "data-label": "Kind" }, entity.kind),
    h("td", { "data-label": "Type" }, text(spec["type"])),
    h("td", { "data-label": "Owner" }, text(spec["owner"]) && refLink(text(spec["owner"]), "group", ref.namespace)),
    h("td", { "data-label": "Lifecycle" }, text(spec["lifecycle"])),
    h("td", { "data-label": "Health" }, health ? state(health) : null),
    h("td", { class: "tags", "data-label": "Tags", title: entity.metadata.tags?.join(", ") }, ...(entity.metadata.tags ?? []).slice(0, 3).map((tag) => h("span", { class: "tag" }, tag))));
}

const HEADINGS = ["Name", "Kind", "Type", "Owner", "Lifecycle", "Health", "Tags"];

function table(rows: HTMLElement[]): HTMLElement {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Entities" },
    h("table", null,
      h("thead", null, h("tr", null, ...HEADINGS.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", null, ...rows)));
}

function skeleton(): HTMLElement {
  const cells = () => HEADINGS.map((_, i) => h("td", null, h("span", { class: `bone b${i}` })));
  const view = table(Array.from({ length: 12 }, () => h("tr", null, ...cells())));
  view.setAttribute("aria-hidden", "true");
  view.removeAttribute("tabindex");
  return view;
}

function pager(view: View, page: api.Page): HTMLElement | null {
  const { nextCursor, prevCursor } = page.pageInfo;
  const { kind, text: words } = view.query;
  if (!nextCursor && !prevCursor) return null;
  const link = (cursor: string | undefined, before: number, label: string, rel: string) =>
    cursor ? h("a", { class: "button", href: address({ kind, text: words, cursor }, before), rel }, label) : h("span", { class: "button off", "aria-hidden": "true" }, label);
  return h("nav", { class: "pager", "aria-label": "Pages" },
    link(prevCursor, Math.max(0, view.before - api.PAGE_SIZE), "Previous", "prev"),
    link(nextCursor, view.before + page.items.length, "Next", "next"));
}

function nothing(view: View): HTMLElement {
  if (view.query.text || view.query.kind) {
    return empty("Nothing matches", h("p", null, "No entity fits ",
      h("strong", null, [view.query.kind, view.query.text].filter(Boolean).join(", ")), "."),
      h("a", { class: "button", href: "/catalog" }, "Show everything"));
  }
  return empty("The catalog is empty",
    h("p", null, "Entities are described in catalog-info.yaml files beside the code. Register one, by its URL or by a path that the server can read:"),
    command("fairway catalog import https://github.com/acme/shop/blob/main/catalog-info.yaml"),
    h("p", null, "or name them in the configuration, ours or Backstage's, and start the server with it:"),
    command("fairway serve --auth open --config app-config.yaml"));
}

function summary(view: View, page: api.Page): string {
  const total = page.totalItems;
  if (page.items.length === 0) return "";
  const from = view.before + 1;
  const range = `${from.toLocaleString("en")}–${(view.before + page.items.length).toLocaleString("en")}`;
  return total === undefined ? range : `${range} of ${total.toLocaleString("en")}`;
}

async function load(view: View, quietly: boolean): Promise<void> {
  view.abort.abort();
  view.abort = new AbortController();
  const { signal } = view.abort;
  if (!quietly) replace(view.body, skeleton());
  view.body.setAttribute("aria-busy", "true");
  try {
    const [page] = await Promise.all([api.entities(view.query, signal), loadKinds(view, signal)]);
    const uids = page.items.filter((e) => e.kind === "Component").map((e) => e.metadata.uid ?? "").filter(Boolean);
    const health = await api.healthOf(uids, signal);
    const rows = page.items.map((e) => row(e, health.get(e.metadata.uid ?? ""), view.changed.has(refText(refOf(e)))));
    const focused = document.activeElement instanceof HTMLAnchorElement && view.body.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    view.status.textContent = summary(view, page);
    if (rows.length) replace(view.body, table(rows), pager(view, page));
    else replace(view.body, nothing(view));
    if (focused) view.body.querySelector<HTMLElement>(`a[href="${CSS.escape(focused)}"]`)?.focus();
  } catch (cause) {
    if (signal.aborted) return;
    view.status.textContent = "";
    replace(view.body, failure(cause, () => void load(view, false)));
  }
  view.changed.clear();
  view.body.removeAttribute("aria-busy");
}

async function loadKinds(view: View, signal: AbortSignal): Promise<void> {
  const facets = await api.kinds(signal);
  const chip = (kind: string, label: string, count: number) =>
    h("a", { class: "chip", href: address({ kind, text: view.query.text }), "aria-current": view.query.kind.toLowerCase() === kind.toLowerCase() ? "true" : null },
      label, h("span", { class: "count" }, count.toLocaleString("en")));
  const all = facets.reduce((sum, facet) => sum + facet.count, 0);
  replace(view.chips, ...(all ? [chip("", "All", all), ...facets.map((f) => chip(f.value, f.value, f.count))] : []));
}

/** Shows the list in main; gives what to do when the catalog changes. */
export function show(main: HTMLElement, go: (path: string, quietly?: boolean) => void): (refs: Set<string>) => void {
  const start = read();
  let timer = 0;
  const search = h("input", { type: "search", id: "search", placeholder: "Name, description, owner or tag", autocomplete: "off", spellcheck: "false", value: start.text });
  const view: View = {
    query: start, before: start.before, abort: new AbortController(), search, changed: new Set(),
    chips: h("nav", { class: "chips", "aria-label": "Kinds" }),
    body: h("div", null),
    status: h("p", { class: "faint count-line", role: "status" }),
  };
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      view.query = { kind: view.query.kind, text: search.value.trim(), cursor: "" };
      view.before = 0;
      go(address(view.query), true);
      void load(view, true);
    }, SEARCH_WAIT_MS);
  });
  document.title = "Catalog · Fairway";
  replace(main,
    h("div", { class: "head" }, h("h1", null, "Catalog"), view.status),
    h("form", { class: "search", role: "search", onsubmit: (event) => event.preventDefault() },
      h("label", { for: "search" }, "Search the catalog"), search, h("kbd", { "aria-hidden": "true" }, "/")),
    view.chips, view.body);
  void load(view, false);
  return (refs) => {
    view.changed = refs;
    void load(view, true);
  };
}
