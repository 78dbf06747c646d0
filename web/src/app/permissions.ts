// SPDX-License-Identifier: Apache-2.0
// What the caller may do, to leave out what they cannot. The server decides anew at each call.
import { useMemo } from "react";
import { useGet } from "../api";
import { useSession } from "./me";

export interface Permissions {
  /** Whether the permission is held in at least one place: "Role:read". True while it is not known yet. */
  may: (permission: string) => boolean;
}

export function usePermissions(): Permissions {
  const session = useSession();
  const { data } = useGet("/api/auth/permissions", {}, { enabled: session.me !== null, live: ["roles.*", "role-bindings.*", "team-memberships.*"] });
  return useMemo(() => {
    if (session.open || !data || data.all) return { may: () => true };
    const held = new Set([...data.everywhere, ...data.somewhere]);
    return { may: (permission: string) => held.has(permission) };
  }, [session.open, data]);
}
