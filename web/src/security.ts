// SPDX-License-Identifier: Apache-2.0
// One's own security: codes of an app, passkeys, recovery codes, accounts at providers, sessions.
import { encode } from "uqr";
import * as account from "./account";
import { get } from "./api";
import { copyButton, h, replace } from "./dom";
import type { Child } from "./dom";
import { when } from "./format";
import { failure } from "./panels";
import * as passkeys from "./passkeys";
import type { components } from "./schema";
import { action, attempt, field } from "./signin";
import * as elsewhere from "./signin_providers";

type Schemas = components["schemas"];
type Factors = Schemas["SecondFactors"];

interface View {
  main: HTMLElement;
  factors: Factors;
  passkeys: Schemas["Passkey"][];
  sessions: Schemas["Session"][];
  providers: elsewhere.Provider[];
  identities: Schemas["UserIdentity"][];
  codes: string[]; // recovery codes just made, shown until they are put away
  failure: string; // why linking an account did not work
}

function card(id: string, title: string, ...children: Child[]): HTMLElement {
  return h("section", { class: "card", id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title), ...children);
}

function onOff(isOn: boolean): HTMLElement {
  return h("span", { class: `state ${isOn ? "good" : "none"}` }, h("span", { "aria-hidden": "true" }, isOn ? "●" : "○"), isOn ? " On" : " Off");
}

// ---- who one is, once more

/** What a dialog was closed with; "" when it was left. */
function ask(title: string, ...content: Child[]): { dialog: HTMLDialogElement; closed: Promise<string> } {
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, h("h2", { id: "dialog-title" }, title), ...content);
  document.body.append(dialog);
  const closed = new Promise<string>((resolve) => dialog.addEventListener("close", () => {
    dialog.remove();
    resolve(dialog.returnValue);
  }));
  dialog.showModal();
  return { dialog, closed };
}

function dialogForm(button: string, fields: Child[], work: (values: Record<string, string>) => Promise<void>, kind = "button primary"): HTMLFormElement {
  const message = h("p", { role: "alert", class: "bad" });
  const submit = h("button", { type: "submit", class: kind }, button);
  const element = h("form", null, ...fields, message, h("p", { class: "toolbar" }, submit,
    h("button", { type: "button", class: "button", onclick: () => element.closest("dialog")?.close("") }, "Cancel")));
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    const values: Record<string, string> = {};
    for (const [name, value] of new FormData(element)) if (typeof value === "string") values[name] = value;
    void attempt(message, submit, async () => {
      await work(values);
      element.closest("dialog")?.close("done");
    });
  });
  return element;
}

/** Changes need a sign-in of the last minutes: else it is asked for. False when the person leaves it. */
async function confirmed(view: View): Promise<boolean> {
  if (Date.parse(view.factors.confirmed_until) > Date.now() + 15_000) return true;
  const has = view.factors.totp || view.factors.passkeys > 0;
  const done = (answer: Schemas["Confirmed"]) => (view.factors.confirmed_until = answer.confirmed_until);
  const send = async (body: object) => void done(await account.send<Schemas["Confirmed"]>("POST", "/api/auth/confirm", body));
  const code = h("p", null, h("label", null, view.factors.totp ? "Code of your app, or a recovery code " : "Recovery code ", h("input", { name: "code", type: "text", autocomplete: "one-time-code", required: true })));
  const byForm = dialogForm("Confirm", [h("p", null, "Your last sign-in was some time ago, and this changes who may sign in."),
    has ? code : field("Password", "password", "password", "current-password")], send);
  const byPasskey = has && passkeys.possible && view.factors.passkeys > 0
    ? action("Use a passkey", async () => {
      const options = await account.send<Schemas["PasskeyRequest"]>("POST", "/api/auth/passkey-sign-in/options");
      await send({ passkey: await passkeys.get(options) });
      byForm.closest("dialog")?.close("done");
    })
    : null;
  const again = view.providers.filter((one) => linkOf(view, one)).map((one) => elsewhere.signInLink(one, `Sign in with ${one.title} again`));
  return (await ask("Show that it is you", byForm, byPasskey, again.length > 0 && h("div", { class: "providers" }, ...again)).closed) === "done";
}

/** Does it, after asking who it is where that is needed, and shows anew. */
function change(view: View, work: () => Promise<void>): () => Promise<void> {
  return async () => {
    if (!(await confirmed(view))) return;
    await work();
    await load(view.main, view.codes);
  };
}

async function sure(title: string, text: string, button: string): Promise<boolean> {
  const form = dialogForm(button, [h("p", null, text)], async () => undefined, "button danger");
  return (await ask(title, form).closed) === "done";
}

// ---- what to do first: a passkey where there can be one, else an app

function isFirst(view: View): boolean {
  return !view.factors.totp && view.factors.passkeys === 0;
}

function mayAdd(view: View): boolean {
  return passkeys.possible && view.factors.passkeys_possible;
}

// ---- codes of an app

/** Always dark on light, as cameras expect it. */
function qrCode(text: string): SVGElement {
  const { size, data } = encode(text, { ecc: "M", border: 2 });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  let drawn = "";
  data.forEach((row, y) => row.forEach((dark, x) => dark && (drawn += `M${x} ${y}h1v1h-1z`)));
  path.setAttribute("d", drawn);
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("class", "qr");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "QR code of the secret; the secret in letters stands beside it");
  svg.append(path);
  return svg;
}

async function setUpTotp(view: View): Promise<void> {
  if (!(await confirmed(view))) return;
  const { secret, uri } = await account.send<Schemas["TotpSecret"]>("POST", "/api/auth/totp");
  const letters = secret.match(/.{1,4}/g)?.join(" ") ?? secret;
  const code = h("p", null, h("label", null, "Six digits that the app shows ",
    h("input", { name: "code", type: "text", inputmode: "numeric", autocomplete: "one-time-code", maxlength: 9, required: true, class: "code" })));
  const form = dialogForm("Turn on", [
    h("div", { class: "scan" }, qrCode(uri), h("div", null, h("p", null, "Scan this with an authenticator app, or type the secret into it:"),
      h("p", null, h("code", { class: "secret" }, letters)), copyButton(() => secret, "Copy the secret"))), code],
    async (values) => {
      const answer = await account.send<Schemas["RecoveryCodes"]>("POST", "/api/auth/totp/confirm", { code: values["code"] });
      if (answer.recovery_codes.length) view.codes = answer.recovery_codes;
    });
  const { dialog, closed } = ask("Set up an authenticator app", form);
  dialog.querySelector("input")?.focus();
  if ((await closed) === "done") await load(view.main, view.codes);
}

function totpCard(view: View): HTMLElement {
  const remove = change(view, () => account.send("DELETE", "/api/auth/totp"));
  return card("totp", "Authenticator app", h("p", null, onOff(view.factors.totp)),
    h("p", { class: "faint" }, "An app on your phone shows six digits that change every half minute. They are asked for after the password."),
    view.factors.totp
      ? action("Remove", async () => {
        if (await sure("Remove the authenticator app?", "Its codes will not be asked for any more, and your other sessions end.", "Remove")) await remove();
      })
      : action("Set up", () => setUpTotp(view), isFirst(view) && !mayAdd(view) ? "button primary" : "button"));
}

// ---- passkeys

function defaultName(): string {
  const platform = /Android|iPhone|iPad|Windows|Macintosh|Linux/.exec(navigator.userAgent)?.[0] ?? "";
  return platform === "Macintosh" ? "Mac" : platform || "Passkey";
}

async function rename(view: View, key: Schemas["Passkey"]): Promise<void> {
  const input = h("input", { name: "name", type: "text", required: true, maxlength: 100, value: key.name });
  const form = dialogForm("Rename", [h("p", null, h("label", null, "Name ", input))],
    (values) => account.send("PATCH", `/api/auth/passkeys/${encodeURIComponent(key.id)}`, values));
  const { closed } = ask("Rename the passkey", form);
  input.select();
  if ((await closed) === "done") await load(view.main, view.codes);
}

function passkeyItem(view: View, key: Schemas["Passkey"]): HTMLElement {
  const remove = change(view, () => account.send("DELETE", `/api/auth/passkeys/${encodeURIComponent(key.id)}`));
  const used = key.last_used_at ? [" · used ", when(key.last_used_at)] : [" · not used yet"];
  return h("li", { class: "row" },
    h("div", null, h("strong", null, key.name), h("div", { class: "faint" }, key.is_synced ? "On several devices" : "On one device", " · added ", when(key.created_at), ...used)),
    h("div", { class: "buttons" },
      h("button", { type: "button", "aria-label": `Rename ${key.name}`, onclick: () => void rename(view, key) }, "Rename"),
      action("Remove", async () => {
        if (await sure(`Remove “${key.name}”?`, "It signs you in no more, and your other sessions end. The entry on the device itself stays until you delete it there.", "Remove")) await remove();
      })));
}

function passkeysCard(view: View): HTMLElement {
  const add = change(view, async () => {
    const options = await account.send<Schemas["PasskeyCreation"]>("POST", "/api/auth/passkeys/options");
    const passkey = await passkeys.create(options);
    const answer = await account.send<Schemas["PasskeyAdded"]>("POST", "/api/auth/passkeys", { passkey, name: defaultName() });
    if (answer.recovery_codes.length) view.codes = answer.recovery_codes;
  });
  return card("passkeys", "Passkeys", h("p", { class: "faint" }, "A device of yours signs you in by its PIN, your finger or your face, without a password. Nobody can be tricked into giving it away."),
    view.passkeys.length > 0 && h("ul", { class: "rows" }, ...view.passkeys.map((key) => passkeyItem(view, key))),
    mayAdd(view) ? action("Add a passkey", add, isFirst(view) ? "button primary" : "button")
      : h("p", { class: "faint" }, "This browser makes no passkeys at this address. They need https and the name by which the server is known (server.base_url); on one machine, open http://localhost."));
}

// ---- recovery codes

function download(codes: string[]): void {
  const url = URL.createObjectURL(new Blob([`Recovery codes of ${location.host}, each works once:\n\n${codes.join("\n")}\n`], { type: "text/plain" }));
  const link = h("a", { href: url, download: "fairway-recovery-codes.txt" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function newCodes(view: View): HTMLElement {
  const { codes } = view;
  return h("section", { class: "panel new-codes", "aria-labelledby": "new-codes-title", tabindex: "-1" },
    h("h2", { id: "new-codes-title" }, "Keep these recovery codes"),
    h("p", null, "Each lets you in once when you do not have your device. They are shown only now: print them, or keep them in a password manager."),
    h("ol", { class: "codes" }, ...codes.map((code) => h("li", null, h("code", null, code)))),
    h("p", { class: "toolbar" }, copyButton(() => codes.join("\n"), "Copy", "button"), h("button", { type: "button", onclick: () => download(codes) }, "Download"),
      h("button", { type: "button", class: "button primary", onclick: () => void load(view.main, []) }, "I have kept them")));
}

function recoveryCard(view: View): HTMLElement | null {
  const { totp, passkeys: keys, recovery_codes: left } = view.factors;
  if (!totp && keys === 0) return null;
  const renew = change(view, async () => {
    view.codes = (await account.send<Schemas["RecoveryCodes"]>("POST", "/api/auth/recovery-codes")).recovery_codes;
  });
  return card("recovery", "Recovery codes",
    h("p", null, h("span", { class: `state ${left > 3 ? "good" : left > 0 ? "warn" : "bad"}` }, h("span", { "aria-hidden": "true" }, left > 3 ? "●" : left > 0 ? "▲" : "■"), ` ${left} of 10 left`)),
    h("p", { class: "faint" }, "For when your device is lost. New codes end those you have."),
    action("Make new codes", async () => {
      if (left === 0 || (await sure("Make new recovery codes?", "Those you have now will not work any more.", "Make new codes"))) await renew();
    }));
}

// ---- accounts at providers

function linkOf(view: View, provider: elsewhere.Provider): Schemas["UserIdentity"] | undefined {
  return view.identities.find((one) => one.provider === provider.id);
}

function identityItem(view: View, one: Schemas["UserIdentity"]): HTMLElement {
  const title = view.providers.find((provider) => provider.id === one.provider)?.title ?? one.provider;
  const unlink = change(view, () => account.send("DELETE", `/api/auth/identities/${encodeURIComponent(one.id)}`));
  return h("li", { class: "row" },
    h("div", null, h("strong", null, title), h("div", { class: "faint" }, one.label ? `${one.label} · ` : "", "linked ", when(one.created_at), " · used ", when(one.last_used_at))),
    h("div", { class: "buttons" }, action("Unlink", async () => {
      if (await sure(`Unlink ${one.label ?? "the account"} at ${title}?`, "It does not sign you in any more. The account itself stays as it is.", "Unlink")) await unlink();
    })));
}

/** Leaves the page for the provider, which sends the browser back here. */
async function link(view: View, provider: elsewhere.Provider): Promise<void> {
  if (!(await confirmed(view))) return;
  const { url } = await account.send<Schemas["IdentityLinkBegun"]>("POST", "/api/auth/identities", { provider: provider.id, return_to: location.pathname });
  location.assign(url);
}

function providersCard(view: View): HTMLElement | null {
  const free = view.providers.filter((one) => !linkOf(view, one));
  if (view.providers.length === 0 && view.identities.length === 0) return null;
  return card("providers", "Sign-in providers",
    h("p", { class: "faint" }, "Accounts elsewhere that sign you in here. Nothing else is asked for then: no password and no second factor."),
    view.failure && h("p", { role: "alert", class: "bad" }, view.failure),
    view.identities.length > 0 && h("ul", { class: "rows" }, ...view.identities.map((one) => identityItem(view, one))),
    free.length > 0 && h("div", { class: "buttons start" }, ...free.map((one) => action(`Link ${one.title}`, () => link(view, one)))));
}

// ---- sessions

/** "Chrome on Linux" */
function agent(text = ""): string {
  const browser = /Edg|Firefox|Chrome|Safari|curl|fairway/.exec(text)?.[0].replace("Edg", "Edge");
  const system = /Android|iPhone|iPad|Windows|Mac OS|Linux/.exec(text)?.[0];
  return [browser, system].filter(Boolean).join(" on ") || text.slice(0, 60) || "Unknown program";
}

function sessionItem(view: View, session: Schemas["Session"]): HTMLElement {
  const end = change(view, () => account.send("DELETE", `/api/auth/sessions/${encodeURIComponent(session.id)}`));
  return h("li", { class: "row" },
    h("div", null, h("strong", { title: session.user_agent ?? "" }, agent(session.user_agent)), session.is_current && h("span", { class: "tag" }, "This one"),
      h("div", { class: "faint" }, session.address ?? "", session.address ? " · " : "", "begun ", when(session.created_at), " · used ", when(session.last_used_at))),
    !session.is_current && h("div", { class: "buttons" }, action("End", end)));
}

function sessionsCard(view: View): HTMLElement | null {
  if (view.sessions.length === 0) return null;
  const endOthers = change(view, () => account.send("DELETE", "/api/auth/sessions"));
  return card("sessions", "Sessions", h("p", { class: "faint" }, "Where you are signed in. End what you do not know, and change your password then."),
    h("ul", { class: "rows" }, ...view.sessions.map((session) => sessionItem(view, session))),
    view.sessions.length > 1 && action("End all others", endOthers));
}

// ---- the view

function draw(view: View): void {
  const { factors } = view;
  const isMissing = factors.is_required && isFirst(view);
  replace(view.main, h("div", { class: "head" }, h("h1", null, "Security")),
    isMissing && h("section", { class: "panel warn-edge", role: "status" }, h("h2", null, "Set up a second factor to go on"),
      h("p", null, "It is required here. An authenticator app or a passkey will do; after that everything is open to you.")),
    view.codes.length > 0 && newCodes(view),
    h("div", { class: "stack" }, totpCard(view), passkeysCard(view), recoveryCard(view), providersCard(view), sessionsCard(view)));
  view.main.querySelector<HTMLElement>(".new-codes")?.focus();
  if (view.failure) view.main.querySelector("#providers")?.scrollIntoView({ block: "nearest" });
}

/** Draws only if the person has not gone elsewhere meanwhile. */
async function load(main: HTMLElement, codes: string[]): Promise<void> {
  const place = location.pathname;
  try {
    const me = await account.me();
    const [factors, keys, sessions, identities, providers] = await Promise.all([
      get<Factors>("/api/auth/second-factors"),
      get<Schemas["PasskeyList"]>("/api/auth/passkeys"),
      me?.second_factor_missing ? { items: [] } : get<Schemas["SessionList"]>("/api/auth/sessions"),
      get<Schemas["UserIdentityList"]>("/api/auth/identities"),
      elsewhere.providers(),
    ]);
    if (location.pathname !== place) return;
    draw({ main, factors, passkeys: keys.items, sessions: sessions.items, identities: identities.items, providers, codes, failure: elsewhere.takeFailure() });
  } catch (cause) {
    if (location.pathname === place) replace(main, failure(cause, () => void load(main, codes)));
  }
}

export function show(main: HTMLElement): void {
  document.title = "Security · Fairway";
  replace(main, h("div", { class: "head" }, h("h1", null, "Security")), h("div", { class: "stack", "aria-busy": "true" }, h("section", { class: "card" }, h("span", { class: "bone" }))));
  void load(main, []);
}
