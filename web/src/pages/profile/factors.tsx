// SPDX-License-Identifier: Apache-2.0
import { again, useGet } from "../../api";

/** What second factors somebody has. No event tells of a change: whoever makes one calls factorsChanged. */
export function useFactors() {
  return useGet("/api/auth/second-factors");
}

export function factorsChanged(): Promise<void> {
  return again("/api/auth/second-factors", "/api/auth/passkeys", "/api/auth/sessions", "/api/auth/identities");
}
