// SPDX-License-Identifier: Apache-2.0
// Who is here. A page that needs somebody and has nobody shows the sign-in instead, and its own address is come back to.
import { createContext, useContext } from "react";
import { boot } from "./boot";
import type { Me } from "./boot";
import { queryClient, setCsrf } from "../api";
import { whenSignedOut } from "../api/client";
import { follow, stop } from "./live";

interface Session {
  me: Me | null;
  /** Nobody is asked who they are (`--auth open`). */
  open: boolean;
  /** The session ended while somebody was working. */
  ended: boolean;
}

let session: Session = { me: boot.me?.kind === "user" ? boot.me : null, open: boot.auth === "open" || boot.me?.kind === "system" || boot.me?.kind === "anonymous", ended: false };
const watchers = new Set<() => void>();

function change(next: Session): void {
  session = next;
  for (const watcher of watchers) watcher();
}

export const sessionStore = {
  get: (): Session => session,
  watch: (watcher: () => void): (() => void) => {
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  },
};

/** Reads anew who is here: after a sign-in, a second factor, a change of the profile. */
export async function readMe(): Promise<Me | null> {
  const response = await fetch("/api/auth/me", { headers: { Accept: "application/json" } }).catch(() => null);
  const found = response?.ok ? ((await response.json()) as Me) : null;
  const me = found?.kind === "user" ? found : null;
  setCsrf(found?.csrf_token);
  const before = session.me?.id;
  change({ me, open: found !== null && me === null, ended: false });
  if (me?.id !== before) {
    queryClient.clear();
    if (me || session.open) follow();
    else stop();
  } else {
    void queryClient.invalidateQueries();
  }
  return me;
}

export function begin(): void {
  setCsrf(boot.me?.csrf_token);
  if (session.me || session.open) follow();
  whenSignedOut(() => {
    if (session.me && !session.ended) change({ ...session, ended: true });
  });
}

const SessionContext = createContext<Session>(session);
export const SessionProvider = SessionContext.Provider;

export function useSession(): Session {
  return useContext(SessionContext);
}

/** The user who is here; null with `--auth open`. */
export function useMe(): Me | null {
  return useSession().me;
}
