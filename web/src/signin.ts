// SPDX-License-Identifier: Apache-2.0
// Signing in: by password and second factor, by passkey, by a one-time link; signing out. The session is a cookie that
// this page cannot read.
import * as account from "./account";
import { h, replace } from "./dom";
import * as passkeys from "./passkeys";
import * as reset from "./reset";
import type { components } from "./schema";
import { hasFailed, mountProviders } from "./signin_providers";

type SecondStep = components["schemas"]["SecondFactorRequired"];
type Values = Record<string, string>;

export function field(label: string, name: string, type: string, autocomplete: string, required = true): HTMLElement {
  return h("p", null, h("label", null, label, " ", h("input", { name, type, autocomplete, required })));
}

/** While it is sent nothing else can be; what is wrong stands below the fields. */
export function form(title: string, button: string, fields: HTMLElement[], sent: (values: Values) => Promise<void>): HTMLFormElement {
  const message = h("p", { role: "alert", class: "bad" });
  const submit = h("button", { type: "submit", class: "button primary" }, button);
  const element = h("form", { class: "panel", "data-sign-in": true }, h("h1", null, title), ...fields, message, submit);
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values: Values = {};
    for (const [name, value] of new FormData(element)) if (typeof value === "string" && value) values[name] = value;
    await attempt(message, submit, () => sent(values));
  });
  return element;
}

export async function attempt(message: HTMLElement, button: HTMLButtonElement, work: () => Promise<void>): Promise<void> {
  message.textContent = "";
  button.disabled = true;
  try {
    await work();
  } catch (cause) {
    message.textContent = account.problemOf(cause);
  }
  button.disabled = false;
}

/** A button that does one thing, with a place for what went wrong. */
export function action(label: string, work: () => Promise<void>, kind = "button"): HTMLElement {
  const message = h("span", { role: "alert", class: "bad" });
  const button = h("button", { type: "button", class: kind }, label);
  button.addEventListener("click", () => void attempt(message, button, work));
  return h("p", { class: "action" }, button, " ", message);
}

function show(main: HTMLElement, element: HTMLElement): void {
  replace(main, element);
  element.querySelector<HTMLElement>("input, button")?.focus();
}

function enter(): void {
  location.replace(location.pathname);
}

/** The password was right: in, or on to the second step. */
function goOn(main: HTMLElement, answer: unknown): void {
  if ((answer as Partial<SecondStep>).second_factor_required) showSecondStep(main, answer as SecondStep);
  else enter();
}

async function signInByPasskey(): Promise<void> {
  const options = await account.send<components["schemas"]["PasskeyRequest"]>("POST", "/api/auth/passkey-sign-in/options");
  await account.send("POST", "/api/auth/passkey-sign-in", { passkey: await passkeys.get(options), cookie: true });
  enter();
}

export function showSignIn(main: HTMLElement): void {
  if (main.querySelector("form[data-sign-in]")) return;
  const fields = [field("Email", "email", "email", "username"), field("Password", "password", "password", "current-password")];
  const element = form("Sign in", "Sign in", fields, async (values) => goOn(main, await account.send("POST", "/api/auth/login", { ...values, cookie: true })));
  reset.addTo(element);
  if (passkeys.possible) element.append(h("p", { class: "or", "aria-hidden": "true" }, "or"), action("Sign in with a passkey", signInByPasskey));
  show(main, element);
  void mountProviders(main);
}

// ---- the second step

function codeField(isRecovery: boolean): HTMLElement {
  const input = h("input", { name: "code", type: "text", required: true, autocapitalize: "off", spellcheck: "false",
    ...(isRecovery ? { autocomplete: "off", maxlength: 40 } : { autocomplete: "one-time-code", inputmode: "numeric", maxlength: 9, class: "code" }) });
  return h("p", null, h("label", null, isRecovery ? "Recovery code" : "Six digits of your authenticator app", " ", input));
}

function showSecondStep(main: HTMLElement, asked: SecondStep, recover = !asked.methods.includes("totp") && !asked.passkey_options): void {
  const has = (method: SecondStep["methods"][number]) => asked.methods.includes(method);
  const finish = async (how: object) => {
    await account.send("POST", "/api/auth/second-factor", { challenge: asked.challenge, cookie: true, ...how });
    enter();
  };
  const byPasskey = passkeys.possible && asked.passkey_options && !recover
    ? action("Use a passkey", async () => finish({ passkey: await passkeys.get(asked.passkey_options!) }), has("totp") ? "button" : "button primary")
    : null;
  const byCode = recover || has("totp");
  const element = byCode
    ? form("Second step", "Sign in", [codeField(recover)], (values) => finish(values))
    : h("form", { class: "panel", "data-sign-in": true }, h("h1", null, "Second step"));
  if (byPasskey) element.append(...(byCode ? [h("p", { class: "or", "aria-hidden": "true" }, "or")] : []), byPasskey);
  if (!byCode && !byPasskey) element.append(h("p", null, "This browser can use no passkeys at this address."));
  const others = h("p", { class: "others" });
  const link = (label: string, go: () => void) => others.append(h("button", { type: "button", class: "quiet", onclick: go }, label));
  if (has("recovery_code") && !recover) link("Use a recovery code", () => showSecondStep(main, asked, true));
  if (recover && (has("totp") || has("passkey"))) link(!has("totp") ? "Use a passkey" : has("passkey") ? "Use the app or a passkey" : "Use the app", () => showSecondStep(main, asked, false));
  link("Start over", () => {
    replace(main);
    showSignIn(main);
  });
  element.append(others);
  show(main, element);
}

// ---- one-time links

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
  show(main, form("Set your password", "Set it and sign in", fields,
    async (values) => goOn(main, await account.send("POST", "/api/auth/one-time", { ...values, token, cookie: true }))));
}

// ---- who is here

/** Who is here, with the way to their settings and out. */
export async function showWho(bar: HTMLElement): Promise<void> {
  const me = await account.me();
  if (!me) return;
  const out = h("button", { type: "button", class: "quiet", title: `Signed in as ${me.name}` }, "Sign out");
  out.addEventListener("click", async () => {
    await account.send("POST", "/api/auth/logout").catch(() => null);
    location.replace("/");
  });
  bar.append(h("a", { class: "who", href: "/security", "data-section": "security" }, "Security"), out);
  if (location.pathname === "/security") return;
  if (me.second_factor_missing) location.replace("/security");
  else if (hasFailed()) location.replace(`/security${location.hash}`); // an account was to be linked
}
