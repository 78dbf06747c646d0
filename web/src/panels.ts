// SPDX-License-Identifier: Apache-2.0
// What a view shows instead of its content: nothing there, something wrong, not here yet.
import { copyButton, h } from "./dom";
import type { Child } from "./dom";
import { Problem } from "./api";

export function command(line: string): HTMLElement {
  return h("div", { class: "command" }, h("code", null, line), copyButton(() => line, "Copy"));
}

export function empty(title: string, ...children: Child[]): HTMLElement {
  return h("section", { class: "panel" }, h("h2", null, title), ...children);
}

export function failure(cause: unknown, retry: () => void): HTMLElement {
  const known = cause instanceof Problem ? cause : new Problem(String(cause), 0, "");
  const advice = known.status === 0 ? "Check that it is running; the page tries again when you ask."
    : known.status === 401 || known.status === 403 ? "On your own machine, start the server with --auth open."
    : "If it stays, look for the request in the server's log.";
  return h("section", { class: "panel bad-edge", role: "alert" },
    h("h2", null, "This could not be loaded"),
    h("p", null, known.message, " ", advice),
    known.requestId !== "" && h("p", { class: "faint" }, "Request ", h("code", null, known.requestId), " ",
      copyButton(() => known.requestId, "Copy")),
    h("button", { type: "button", onclick: retry }, "Try again"));
}
