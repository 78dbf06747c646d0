// SPDX-License-Identifier: Apache-2.0
// Passkeys: devices that sign somebody in by PIN, finger or face.
import { Button, Modal, TextInput } from "@mantine/core";
import { useCallback, useState } from "react";
import { call, useGet } from "../../api";
import type { Schemas } from "../../api";
import { Empty, Form, Loaded, Panel, Time, confirm } from "../../ui";
import { Attempt } from "../sign-in/attempt";
import { createPasskey, passkeysPossible } from "../sign-in/webauthn";
import { useIdentityCheck } from "./confirm";
import { factorsChanged } from "./factors";
import styles from "./profile.module.css";

type Passkey = Schemas["Passkey"];

function defaultName(): string {
  const platform = /Android|iPhone|iPad|Windows|Macintosh|Linux/.exec(navigator.userAgent)?.[0] ?? "";
  return platform === "Macintosh" ? "Mac" : platform || "Passkey";
}

/** Adds a passkey of this device; recovery codes come with the first second factor. */
export function useAddPasskey(show: (codes: string[]) => void) {
  const { sure, dialog } = useIdentityCheck();
  const add = useCallback(() => sure(async () => {
    const options = (await call("post", "/api/auth/passkeys/options")).data;
    const passkey = await createPasskey(options);
    const { data } = await call("post", "/api/auth/passkeys", { body: { passkey, name: defaultName() } });
    if (data.recovery_codes.length > 0) show(data.recovery_codes);
    await factorsChanged();
  }), [sure, show]);
  return { add, dialog };
}

function Rename({ passkey, close }: { passkey: Passkey; close: () => void }) {
  const rename = async (body: { name: string }) => {
    await call("patch", "/api/auth/passkeys/{id}", { params: { path: { id: passkey.id } }, body });
    await factorsChanged();
    close();
  };
  return (
    <Modal opened onClose={close} title="Rename the passkey">
      <Form initial={{ name: passkey.name }} action="Rename" send={rename} cancel={close}>
        {(form) => <TextInput label="Name" required maxLength={100} data-autofocus {...form.field("name")} />}
      </Form>
    </Modal>
  );
}

function Row({ passkey }: { passkey: Passkey }) {
  const { sure, dialog } = useIdentityCheck();
  const [renaming, setRenaming] = useState(false);
  const remove = async () => {
    const isSure = await confirm({
      title: `Remove “${passkey.name}”?`, danger: true, action: "Remove",
      children: "It signs you in no more, and your other sessions end. The entry on the device itself stays until you delete it there.",
    });
    if (!isSure) return;
    await sure(async () => {
      await call("delete", "/api/auth/passkeys/{id}", { params: { path: { id: passkey.id } } });
      await factorsChanged();
    });
  };
  return (
    <li className={styles["row"]}>
      <div>
        <strong dir="auto">{passkey.name}</strong>
        <div className="fw-faint">
          {passkey.is_synced ? "On several devices" : "On one device"} · added <Time at={passkey.created_at} />
          {passkey.last_used_at ? <> · used <Time at={passkey.last_used_at} /></> : " · not used yet"}
        </div>
      </div>
      <div className={styles["buttons"]}>
        <Button size="xs" onClick={() => setRenaming(true)} aria-label={`Rename ${passkey.name}`}>Rename</Button>
        <Attempt size="xs" work={remove} aria-label={`Remove ${passkey.name}`}>Remove</Attempt>
      </div>
      {renaming && <Rename passkey={passkey} close={() => setRenaming(false)} />}
      {dialog}
    </li>
  );
}

export function PasskeysPanel({ factors, show, primary }: { factors: Schemas["SecondFactors"]; show: (codes: string[]) => void; primary: boolean }) {
  const list = useGet("/api/auth/passkeys");
  const { add, dialog } = useAddPasskey(show);
  const mayAdd = passkeysPossible && factors.passkeys_possible;
  return (
    <Panel title="Passkeys" id="passkeys">
      <p className="fw-faint">A device of yours signs you in by its PIN, your finger or your face, without a password. Nobody can be tricked into giving it away.</p>
      <Loaded query={list} isEmpty={(found) => found.items.length === 0} empty={mayAdd ? null : <Empty title="No passkeys" />}>
        {(found) => <ul className={styles["rows"]}>{found.items.map((passkey) => <Row key={passkey.id} passkey={passkey} />)}</ul>}
      </Loaded>
      {mayAdd
        ? <div className={styles["buttons"]}><Attempt work={add} variant={primary ? "filled" : "default"}>Add a passkey</Attempt></div>
        : <p className="fw-faint">This browser makes no passkeys at this address. They need https and the name by which the server is known (<code>server.base_url</code>); on one machine, open <code>http://localhost</code>.</p>}
      {dialog}
    </Panel>
  );
}
