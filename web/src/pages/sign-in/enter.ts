// SPDX-License-Identifier: Apache-2.0
import { Problem, call } from "../../api";
import type { Schemas } from "../../api";
import { readMe, sessionStore } from "../../app/me";
import { askPasskey } from "./webauthn";

/** Of a sign-in 401 says that something is wrong, not that somebody should sign in. */
export async function refusal<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof Problem && cause.status === 401) throw new Problem(cause.message, -1, cause.requestId);
    throw cause;
  }
}

export type SecondStepAsked = Schemas["SecondFactorRequired"];

/** The sign-in is complete. Whoever takes over from somebody else must see nothing of theirs: the page is loaded anew. */
export async function enter(): Promise<void> {
  const before = sessionStore.get().me?.id;
  const me = await readMe();
  if (before !== undefined && me !== null && me.id !== before) location.reload();
  if (me === null) {
    throw new Problem("The sign-in worked, but this browser did not keep the session. Open the portal by https, or on this computer by http://localhost, and allow its cookie.", -1);
  }
}

/** The password was right: in, or the second step that is asked for. */
export async function goOn(answer: Schemas["SignInAnswer"]): Promise<SecondStepAsked | null> {
  if ("second_factor_required" in answer) return answer;
  await enter();
  return null;
}

export async function signInByPasskey(): Promise<void> {
  const { data } = await call("post", "/api/auth/passkey-sign-in/options");
  const passkey = await askPasskey(data);
  await refusal(call("post", "/api/auth/passkey-sign-in", { body: { passkey, cookie: true } }));
  await enter();
}
