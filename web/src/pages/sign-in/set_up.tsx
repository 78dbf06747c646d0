// SPDX-License-Identifier: Apache-2.0
// Somebody has signed in and must set up a second factor before anything else is open to them.
import { useState } from "react";
import { call } from "../../api";
import { readMe } from "../../app/me";
import { Loaded } from "../../ui";
import { NewCodes } from "../profile/codes";
import { useFactors } from "../profile/factors";
import { useAddPasskey } from "../profile/passkeys";
import { useSetUpApp } from "../profile/totp";
import { Attempt } from "./attempt";
import { Quiet } from "./quiet";
import styles from "./sign_in.module.css";
import { passkeysPossible } from "./webauthn";

export function SetUpFactor() {
  const factors = useFactors();
  const [codes, setCodes] = useState<string[]>([]);
  const passkey = useAddPasskey(setCodes);
  const app = useSetUpApp((made) => { if (made.length > 0) setCodes(made); else void readMe(); });
  if (codes.length > 0) return <NewCodes codes={codes} level={1} done={() => void readMe()} />;
  return (
    <div className={styles["step"]}>
      <h1>Set up a second factor to go on</h1>
      <p className="fw-faint">It is required here: something besides your password that only you have. After that everything is open to you.</p>
      <Loaded query={factors}>
        {(found) => {
          const mayPasskey = passkeysPossible && found.passkeys_possible;
          return (
            <div className={styles["others"]}>
              {mayPasskey && <Attempt fullWidth variant="filled" work={passkey.add}>Add a passkey</Attempt>}
              {mayPasskey && <p className="fw-faint">This device signs you in by its PIN, your finger or your face.</p>}
              <Attempt fullWidth variant={mayPasskey ? "default" : "filled"} work={app.begin}>Set up an authenticator app</Attempt>
              <p className="fw-faint">An app on your phone shows six digits that change every half minute.</p>
            </div>
          );
        }}
      </Loaded>
      <Quiet onClick={() => void call("post", "/api/auth/logout").then(readMe, readMe)}>Sign out</Quiet>
      {app.dialog}
      {passkey.dialog}
    </div>
  );
}
