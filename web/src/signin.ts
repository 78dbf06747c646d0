// SPDX-License-Identifier: Apache-2.0
// Signing in by password, following a one-time link, signing out. The session is a cookie that this page cannot read.
import { h, replace } from "./dom";
import { mountProviders } from "./signin_providers";

interface Me {
  kind: string;
  name: string;
  csrf_token?: string;
}

async function post(path: string, body: unknown): Promise<string> {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body),
    });
    if (response.ok) return "";
    const problem = (await response.json()) as { detail?: string };
    return problem.detail ?? `The server answered ${response.status}.`;
  } catch {
    return "The server cannot be reached.";
  }
}

function field(label: string, name: string, type: string, autocomplete: string, required = true): HTMLElement {
  return h("p", null, h("label", null, label, " ", h("input", { name, type, autocomplete, required })));
}

function form(title: string, button: string, fields: HTMLElement[], send: (values: Record<string, string>) => Promise<string>): HTMLElement {
  const message = h("p", { role: "alert" });
  const element = h("form", { class: "panel", "data-sign-in": true }, h("h1", null, title), ...fields, message, h("button", { type: "submit", class: "button" }, button));
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values: Record<string, string> = {};
    for (const [name, value] of new FormData(element)) if (typeof value === "string" && value) values[name] = value;
    message.textContent = "";
    message.textContent = await send(values);
    if (!message.textContent) location.replace(location.pathname);
  });
  return element;
}

function show(main: HTMLElement, element: HTMLElement): void {
  replace(main, element);
  element.querySelector("input")?.focus();
}

export function showSignIn(main: HTMLElement): void {
  if (main.querySelector("form[data-sign-in]")) return;
  const fields = [field("Email", "email", "email", "username"), field("Password", "password", "password", "current-password")];
  show(main, form("Sign in", "Sign in", fields, (values) => post("/api/auth/login", { ...values, cookie: true })));
  void mountProviders(main);
}

/** The token in "#one-time=…", which the address line does not keep. */
export function takeOneTime(): string {
  const token = location.hash.startsWith("#one-time=") ? location.hash.slice("#one-time=".length) : "";
  if (token) history.replaceState(null, "", location.pathname);
  return token;
}

export function showOneTime(main: HTMLElement, token: string): void {
  const fields = [
    field("New password, at least 8 characters", "password", "password", "new-password"),
    field("Your name, if you are new here", "name", "text", "name", false),
    field("Your email, if you are the first administrator", "email", "email", "username", false),
  ];
  show(main, form("Set your password", "Set it and sign in", fields, (values) => post("/api/auth/one-time", { ...values, token, cookie: true })));
}

/** Who is here, with a way out. */
export async function showWho(bar: HTMLElement): Promise<void> {
  const response = await fetch("/api/auth/me", { headers: { Accept: "application/json" } }).catch(() => null);
  const me = response?.ok ? ((await response.json()) as Me) : null;
  if (me?.kind !== "user") return;
  const out = h("button", { type: "button", class: "quiet", title: `Signed in as ${me.name}` }, "Sign out");
  out.addEventListener("click", async () => {
    await fetch("/api/auth/logout", { method: "POST", headers: { "X-CSRF-Token": me.csrf_token ?? "" } }).catch(() => null);
    location.replace("/");
  });
  bar.append(out);
}
