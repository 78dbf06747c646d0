// SPDX-License-Identifier: Apache-2.0
// Codes of an authenticator app: set up by scanning, confirmed by a first code.
import { Modal, TextInput } from "@mantine/core";
import { useCallback, useMemo, useState } from "react";
import { encode } from "uqr";
import { call } from "../../api";
import type { Schemas } from "../../api";
import { Copy, Form, Panel, Status, confirm } from "../../ui";
import { Attempt } from "../sign-in/attempt";
import { useIdentityCheck } from "./confirm";
import { factorsChanged } from "./factors";
import styles from "./profile.module.css";

/** Always dark on light, as cameras expect it. */
function QrCode({ text }: { text: string }) {
  const { size, path } = useMemo(() => {
    const { size: side, data } = encode(text, { ecc: "M", border: 2 });
    let drawn = "";
    data.forEach((row, y) => row.forEach((dark, x) => { if (dark) drawn += `M${x} ${y}h1v1h-1z`; }));
    return { size: side, path: drawn };
  }, [text]);
  return <svg className={styles["qr"]} viewBox={`0 0 ${size} ${size}`} role="img" aria-label="QR code of the secret; the secret in letters stands beside it"><path d={path} /></svg>;
}

function SetUp({ secret, uri, done }: Schemas["TotpSecret"] & { done: (codes: string[]) => void }) {
  const letters = secret.match(/.{1,4}/g)?.join(" ") ?? secret;
  const turnOn = async ({ code }: { code: string }) => {
    const { data } = await call("post", "/api/auth/totp/confirm", { body: { code } });
    done(data.recovery_codes);
    await factorsChanged();
  };
  return (
    <Form unguarded initial={{ code: "" }} action="Turn on" send={turnOn}>
      {(form) => (
        <>
          <div className={styles["scan"]}>
            <QrCode text={uri} />
            <div>
              <p>Scan this with an authenticator app, or type the secret into it:</p>
              <p className={styles["secret"]}><code data-secret>{letters}</code></p>
              <Copy text={secret} label="Copy the secret" />
            </div>
          </div>
          <TextInput label="Six digits that the app shows" required data-autofocus autoFocus inputMode="numeric" autoComplete="one-time-code" maxLength={9} classNames={{ input: styles["code"] ?? "" }} {...form.field("code")} />
        </>
      )}
    </Form>
  );
}

/** Begins when it is told to, not when something is shown: a second beginning would make a scanned secret worthless. */
export function useSetUpApp(done: (codes: string[]) => void) {
  const { sure, dialog: question } = useIdentityCheck();
  const [made, setMade] = useState<Schemas["TotpSecret"]>();
  const begin = useCallback(() => sure(async () => setMade((await call("post", "/api/auth/totp")).data)), [sure]);
  const close = () => setMade(undefined);
  const dialog = (
    <>
      <Modal opened={made !== undefined} onClose={close} title="Set up an authenticator app" size="lg">
        {made && <SetUp {...made} done={(codes) => { close(); done(codes); }} />}
      </Modal>
      {question}
    </>
  );
  return { begin, dialog };
}

export function TotpPanel({ factors, show, primary }: { factors: Schemas["SecondFactors"]; show: (codes: string[]) => void; primary: boolean }) {
  const { sure, dialog } = useIdentityCheck();
  const app = useSetUpApp((codes) => { if (codes.length > 0) show(codes); });
  const remove = async () => {
    if (!(await confirm({ title: "Remove the authenticator app?", children: "Its codes will not be asked for any more, and your other sessions end.", action: "Remove", danger: true }))) return;
    await sure(async () => {
      await call("delete", "/api/auth/totp");
      await factorsChanged();
    });
  };
  return (
    <Panel title="Authenticator app" id="totp">
      <p>{factors.totp ? <Status state="good">On</Status> : <Status state="unknown">Off</Status>}</p>
      <p className="fw-faint">An app on your phone shows six digits that change every half minute. They are asked for after the password.</p>
      <div className={styles["buttons"]}>
        {factors.totp ? <Attempt work={remove} aria-label="Remove the authenticator app">Remove</Attempt>
          : <Attempt variant={primary ? "filled" : "default"} work={app.begin} aria-label="Set up an authenticator app">Set up</Attempt>}
      </div>
      {app.dialog}
      {dialog}
    </Panel>
  );
}
