// SPDX-License-Identifier: Apache-2.0
// Buttons of the providers to sign in with, and what is told when one of them sent somebody back without success.
import { h } from "./dom";
import type { components } from "./schema";

export type Provider = components["schemas"]["SignInProvider"];

const failures: Record<string, string> = {
  unavailable: "The provider does not answer. Try again in a while.",
  "not-trusted": "The answer of the provider cannot be trusted. An administrator finds the reason in the audit trail.",
  expired: "That sign-in was not begun in this browser, has been used, or is too old. Begin again.",
  cancelled: "The sign-in was cancelled at the provider.",
  refused: "The provider refused the sign-in. Begin again.",
  unknown: "That account is linked to nobody here. Sign in another way and link it, or ask an administrator to invite you.",
  "no-address": "The provider gives no email address of yours that it has verified.",
  "not-member": "Your account is in no organization that may sign in here.",
  deactivated: "Your account here is deactivated.",
  taken: "That account is linked to somebody else here.",
};

const START = "#sign-in-failed=";

export function hasFailed(): boolean {
  return location.hash.startsWith(START);
}

/** The sentence for the word in "#sign-in-failed=…", which the address line does not keep. */
export function takeFailure(): string {
  if (!hasFailed()) return "";
  const word = location.hash.slice(START.length);
  history.replaceState(null, "", location.pathname + location.search);
  return (Object.hasOwn(failures, word) && failures[word]) || "Signing in did not work. Begin again.";
}

export async function providers(): Promise<Provider[]> {
  const response = await fetch("/api/auth/providers", { headers: { Accept: "application/json" } }).catch(() => null);
  return response?.ok ? ((await response.json()) as { items: Provider[] }).items : [];
}

/** Goes to the provider, and comes back to this address. */
export function signInLink(provider: Provider, label: string): HTMLElement {
  const query = new URLSearchParams({ return_to: location.pathname + location.search });
  return h("a", { class: "button", href: `/api/auth/providers/${encodeURIComponent(provider.id)}/start?${query}` }, label);
}

/** Below the form for the password in main: a button for each provider. */
export async function mountProviders(main: HTMLElement): Promise<void> {
  const form = main.querySelector("form[data-sign-in]");
  const failure = takeFailure();
  const message = form?.querySelector("[role=alert]");
  if (message && failure) message.textContent = failure;
  const all = await providers();
  if (!form?.isConnected || all.length === 0) return;
  form.append(h("div", { class: "providers" }, ...all.map((one) => signInLink(one, `Sign in with ${one.title}`))));
}
