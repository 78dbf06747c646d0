// SPDX-License-Identifier: Apache-2.0
// How somebody signs in: password, second factors, accounts elsewhere.
import { useState } from "react";
import { Loaded } from "../../ui";
import { passkeysPossible } from "../sign-in/webauthn";
import { AccountsPanel } from "./accounts";
import { NewCodes, RecoveryPanel } from "./codes";
import { useFactors } from "./factors";
import { PasskeysPanel } from "./passkeys";
import { PasswordPanel } from "./password";
import styles from "./profile.module.css";
import { TotpPanel } from "./totp";

export function Security() {
  const factors = useFactors();
  const [codes, setCodes] = useState<string[]>([]);
  return (
    <div className={styles["panels"]}>
      {codes.length > 0 && <NewCodes codes={codes} done={() => setCodes([])} />}
      <Loaded query={factors}>
        {(found) => {
          const isFirst = !found.totp && found.passkeys === 0;
          const mayPasskey = passkeysPossible && found.passkeys_possible;
          return (
            <>
              <PasskeysPanel factors={found} show={setCodes} primary={isFirst && mayPasskey} />
              <TotpPanel factors={found} show={setCodes} primary={isFirst && !mayPasskey} />
              <RecoveryPanel factors={found} show={setCodes} />
            </>
          );
        }}
      </Loaded>
      <PasswordPanel />
      <AccountsPanel />
    </div>
  );
}
