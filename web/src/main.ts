// SPDX-License-Identifier: Apache-2.0
// The frame: addresses to views, links without reloading, the theme, the keyboard, the live mark.
import "./style.css";
import * as catalog from "./catalog";
import * as entity from "./entity";
import { h, replace } from "./dom";
import * as live from "./live";
import * as security from "./security";
import * as signin from "./signin";

const main = document.getElementById("main") as HTMLElement;

let oneTime = signin.takeOneTime();

/** Which of the sections in the bar is shown; "page" when the link leads to just this. */
function markSection(section = "catalog", depth = 0): void {
  for (const link of document.querySelectorAll<HTMLElement>("[data-section]")) {
    if (link.dataset["section"] === section) link.setAttribute("aria-current", depth < 2 ? "page" : "true");
    else link.removeAttribute("aria-current");
  }
}

function render(): void {
  if (oneTime) {
    live.onChange(null);
    signin.showOneTime(main, oneTime);
    oneTime = "";
    return;
  }
  const parts = location.pathname.split("/").filter(Boolean).map(decodeURIComponent);
  const [section, namespace, kind, name] = parts;
  markSection(section, parts.length);
  if (section === undefined || (section === "catalog" && parts.length === 1)) {
    live.onChange(catalog.show(main, go));
  } else if (section === "catalog" && namespace && kind && name && parts.length === 4) {
    live.onChange(entity.show(main, kind, namespace, name));
  } else if (section === "security" && parts.length === 1) {
    live.onChange(null);
    security.show(main);
  } else {
    live.onChange(null);
    replace(main, h("section", { class: "panel" }, h("h1", null, "There is nothing at this address"), h("a", { class: "button", href: "/catalog" }, "To the catalog")));
  }
}

/** quietly: the address changes, the view stays as it is. */
function go(path: string, quietly = false): void {
  if (quietly) {
    history.replaceState(null, "", path);
    return;
  }
  history.pushState(null, "", path);
  render();
  scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.target || link.origin !== location.origin || link.hash || !/^\/(catalog|security$|$)/.test(link.pathname)) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
addEventListener("popstate", render);

document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement;
  const search = document.getElementById("search");
  if (event.key === "/" && !typing && search && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
  }
});

const THEMES = ["system", "light", "dark"] as const;
const themeButton = document.getElementById("theme") as HTMLButtonElement;

function currentTheme(): (typeof THEMES)[number] {
  const chosen = document.documentElement.dataset["theme"];
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

function showTheme(): void {
  const names = { system: "◐ System", light: "○ Light", dark: "● Dark" };
  themeButton.textContent = names[currentTheme()];
  themeButton.setAttribute("aria-label", `Theme: ${currentTheme()}. Change it`);
}

themeButton.addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(currentTheme()) + 1) % THEMES.length] ?? "system";
  if (next === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
  try {
    localStorage.setItem("theme", next);
  } catch {
    // storage is off: it holds until the page is left
  }
  showTheme();
});

addEventListener("signed-out", () => {
  live.onChange(null);
  signin.showSignIn(main);
});

showTheme();
render();
void signin.showWho(document.querySelector("header.bar") as HTMLElement).then(() => markSection(location.pathname.split("/")[1] || "catalog"));
const mark = document.getElementById("live") as HTMLElement;
live.follow((now) => {
  mark.className = `live ${now === "live" ? "good" : "none"}`;
  mark.textContent = now === "live" ? "● Live" : "○ Not live";
});
