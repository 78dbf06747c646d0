// SPDX-License-Identifier: Apache-2.0
// The second step: a code of the app, a passkey, or a recovery code.
import { TextInput } from "@mantine/core";
import { useState } from "react";
import { call } from "../../api";
import { Form } from "../../ui";
import { Attempt } from "./attempt";
import { enter, refusal } from "./enter";
import type { SecondStepAsked } from "./enter";
import { Quiet } from "./quiet";
import styles from "./sign_in.module.css";
import { askPasskey, passkeysPossible } from "./webauthn";

type How = { code: string } | { passkey: Awaited<ReturnType<typeof askPasskey>> };

function lead(recover: boolean, byApp: boolean): string {
  if (recover) return "Type one of the codes you kept when you set up your second factor. Each works once.";
  return byApp ? "Type the six digits that your authenticator app shows now." : "Use the passkey of this device, or of your phone.";
}

export function SecondStep({ asked, restart }: { asked: SecondStepAsked; restart: () => void }) {
  const byApp = asked.methods.includes("totp");
  const options = passkeysPossible ? asked.passkey_options : undefined;
  const [recover, setRecover] = useState(!byApp && !options);
  const finish = async (how: How) => {
    await refusal(call("post", "/api/auth/second-factor", { body: { challenge: asked.challenge, cookie: true, ...how } }));
    await enter();
  };
  const withCode = recover ? asked.methods.includes("recovery_code") : byApp;
  return (
    <div className={styles["step"]}>
      <h1>Second step</h1>
      <p className="fw-faint">{lead(recover, byApp)}</p>
      {withCode && (
        <Form key={recover ? "recovery" : "app"} unguarded initial={{ code: "" }} action="Sign in" send={({ code }) => finish({ code })}>
          {(form) => (recover
            ? <TextInput label="Recovery code" required withAsterisk={false} autoFocus data-autofocus maxLength={40} autoComplete="off" autoCapitalize="off" spellCheck={false} classNames={{ input: styles["code"] ?? "" }} {...form.field("code")} />
            : <TextInput label="Code of the app" required withAsterisk={false} autoFocus data-autofocus maxLength={9} autoComplete="one-time-code" inputMode="numeric" classNames={{ input: styles["code"] ?? "" }} {...form.field("code")} />)}
        </Form>
      )}
      {withCode && options && !recover && <p className={styles["or"]} aria-hidden="true">or</p>}
      {options && !recover && (
        <Attempt fullWidth variant={byApp ? "default" : "filled"} work={async () => finish({ passkey: await askPasskey(options) })}>Use a passkey</Attempt>
      )}
      {!withCode && !options && <p>This browser can use no passkeys at this address. Sign in on the device that has yours, or ask an administrator to reset your second factors.</p>}
      <div className={styles["asides"]}>
        {asked.methods.includes("recovery_code") && !recover && <Quiet onClick={() => setRecover(true)}>Use a recovery code</Quiet>}
        {recover && (byApp || options) && <Quiet onClick={() => setRecover(false)}>{!byApp ? "Use a passkey" : options ? "Use the app or a passkey" : "Use the app"}</Quiet>}
        <Quiet onClick={restart}>Start over</Quiet>
      </div>
    </div>
  );
}
