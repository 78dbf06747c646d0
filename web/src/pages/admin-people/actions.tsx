// SPDX-License-Identifier: Apache-2.0
// What can be done about a person: let in, sign out, reset factors, keep out, export, erase.
import { Button, Menu } from "@mantine/core";
import { useState } from "react";
import { again, call, urlOf } from "../../api";
import { useMe } from "../../app/me";
import { usePermissions } from "../../app/permissions";
import { Once, patchRecord } from "../../records";
import type { RowOf } from "../../records";
import { Time, confirm, toast, toastProblem } from "../../ui";
import { person } from "./kind";

type Person = RowOf<"/api/users">;
interface Link { url: string; expires_at?: string | undefined; why: string }

async function tell(does: () => Promise<string | undefined>): Promise<void> {
  try {
    const said = await does();
    if (said) toast(said);
    await again("/api/users");
  } catch (cause) {
    toastProblem(cause);
  }
}

function useActions(row: Person, show: (link: Link) => void) {
  const path = { params: { path: { id: row.id } } };
  return {
    invite: () => tell(async () => {
      const { data } = await call("post", "/api/users/{id}/invitation", path);
      if (!data.url) return data.detail;
      show({ url: data.url, expires_at: data.expires_at, why: data.detail });
      return undefined;
    }),
    link: async () => {
      if (!(await confirm({ title: `Make a link that sets a password for ${row.name}?`, children: "Whoever has the link gets in. Following it ends their other sessions and keys.", action: "Make the link" }))) return;
      await tell(async () => {
        const { data } = await call("post", "/api/users/{id}/one-time-link", path);
        show({ url: data.url, expires_at: data.expires_at, why: "Hand it over by a way you trust. It works once." });
        return undefined;
      });
    },
    signOut: async () => {
      if (!(await confirm({ title: `End all sessions of ${row.name}?`, children: "They have to sign in again everywhere. Their API keys go on working.", action: "End the sessions" }))) return;
      await tell(async () => {
        await call("post", "/api/users/{id}/sign-out", path);
        return "Their sessions are ended.";
      });
    },
    reset: async () => {
      if (!(await confirm({ title: `Remove the second factors of ${row.name}?`, children: "Make sure that it is them who ask. Their sessions end, and the next sign-in asks for the password alone, or to set up a second factor where one is required.", action: "Remove the factors", danger: true }))) return;
      await tell(async () => {
        await call("post", "/api/users/{id}/second-factors/reset", path);
        return "Their second factors are removed.";
      });
    },
    setStatus: async (status: "active" | "deactivated") => {
      if (status === "deactivated" && !(await confirm({ title: `Deactivate ${row.name}?`, children: "Their sessions and keys end at once, and they cannot sign in until they are activated again.", action: "Deactivate", danger: true }))) return;
      await tell(async () => {
        await patchRecord(person.path, row.id, { status }, "");
        return status === "active" ? "They can sign in again." : "They are deactivated.";
      });
    },
    erase: async () => {
      const isSure = await confirm({
        title: `Erase ${row.name} for good?`, action: "Erase the person", danger: true, typed: row.email ?? row.name,
        children: "Name, address and picture are removed; sessions, keys, roles and memberships end; their entity of the catalog goes with its history. What they did stays in the audit trail under an id that leads to nobody. This cannot be undone.",
      });
      if (!isSure) return;
      await tell(async () => {
        await call("post", "/api/users/{id}/erase", { ...path, body: { confirm: row.id } });
        return "The person is erased.";
      });
    },
  };
}

export function usePersonActions() {
  const [link, setLink] = useState<Link | null>(null);
  const dialog = (
    <Once
      close={() => setLink(null)}
      shown={link && { title: "A link that sets a password", secret: link.url, label: "Copy the link", children: <p>{link.why}{link.expires_at && <> It ends <Time at={link.expires_at} />.</>}</p> }}
    />
  );
  return { dialog, show: setLink };
}

export function PersonMenu({ row, show }: { row: Person; show: (link: Link) => void }) {
  const { may } = usePermissions();
  const me = useMe();
  const does = useActions(row, show);
  if (row.erased_at) return null;
  const canUpdate = may("User:update");
  const isMe = me?.id === row.id;
  return (
    <>
      {canUpdate && row.status !== "deactivated" && <Menu.Item onClick={() => void does.link()}>Make a one-time link</Menu.Item>}
      {canUpdate && <Menu.Item onClick={() => void does.signOut()}>End all sessions</Menu.Item>}
      {canUpdate && <Menu.Item onClick={() => void does.reset()}>Remove second factors</Menu.Item>}
      {may("User:export") && <Menu.Item component="a" href={urlOf("/api/users/{id}/export", { params: { path: { id: row.id } } })} download={`person-${row.id}.json`}>Export everything held</Menu.Item>}
      {(canUpdate || may("User:erase")) && <Menu.Divider />}
      {canUpdate && !isMe && (row.status === "deactivated"
        ? <Menu.Item onClick={() => void does.setStatus("active")}>Activate</Menu.Item>
        : <Menu.Item color="red" onClick={() => void does.setStatus("deactivated")}>Deactivate</Menu.Item>)}
      {may("User:erase") && <Menu.Item color="red" onClick={() => void does.erase()}>Erase for good</Menu.Item>}
    </>
  );
}

/** Who is invited is sent the way in; that is what the page is for then. */
export function Invite({ row, show }: { row: Person; show: (link: Link) => void }) {
  const { may } = usePermissions();
  const does = useActions(row, show);
  return row.status === "invited" && may("User:update") ? <Button variant="filled" onClick={() => void does.invite()}>Send the invitation</Button> : null;
}
