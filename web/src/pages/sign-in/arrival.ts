// SPDX-License-Identifier: Apache-2.0
// What the address brought: the token of a one-time link ("#one-time=…"), or why a provider sent somebody back without
// success ("#sign-in-failed=…"). Both stand behind the #, which no server sees, and the address line does not keep them.

const FAILURES: Record<string, string> = {
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
const ONE_TIME = "#one-time=";
const FAILED = "#sign-in-failed=";

interface Arrival {
  /** The token of a one-time link; "" when there is none, or it has been used. */
  oneTime: string;
  /** A sentence; "" when nothing failed, or it has been told. */
  failure: string;
}

function sentence(word: string): string {
  return (Object.hasOwn(FAILURES, word) && FAILURES[word]) || "Signing in did not work. Begin again.";
}

function take(): Arrival {
  const { hash } = location;
  const found = {
    oneTime: hash.startsWith(ONE_TIME) ? hash.slice(ONE_TIME.length) : "",
    failure: hash.startsWith(FAILED) ? sentence(hash.slice(FAILED.length)) : "",
  };
  if (found.oneTime || found.failure) history.replaceState(history.state, "", location.pathname + location.search);
  return found;
}

export const arrival: Arrival = take();

// A link that is pasted into the address line of an open page loads nothing anew.
addEventListener("hashchange", () => {
  if (location.hash.startsWith(ONE_TIME) || location.hash.startsWith(FAILED)) location.reload();
});
