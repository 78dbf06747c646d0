// SPDX-License-Identifier: Apache-2.0
import { PasswordInput } from "@mantine/core";
import { useState } from "react";
import { call } from "../../api";
import { useMe } from "../../app/me";
import { Form, Panel, toast } from "../../ui";
import { PASSWORD_RULES } from "../sign-in/rules";
import { factorsChanged } from "./factors";
import styles from "./profile.module.css";

export function PasswordPanel() {
  const email = useMe()?.user?.email ?? "";
  const [changed, setChanged] = useState(0);
  const change = async (body: { current_password: string; new_password: string }) => {
    await call("post", "/api/auth/password", { body });
    toast("Your password is changed, and your other sessions have ended.");
    setChanged((times) => times + 1);
    await factorsChanged();
  };
  return (
    <Panel title="Password" id="password">
      <div className={styles["narrow"]}>
        <Form key={changed} unguarded initial={{ current_password: "", new_password: "" }} action="Change the password" send={change}>
          {(form) => (
            <>
              {/* What password managers file the new one under. */}
              <input className="fw-only-read" type="text" autoComplete="username" value={email} readOnly tabIndex={-1} aria-hidden="true" />
              <PasswordInput label="Password as it is" required autoComplete="current-password" {...form.field("current_password")} />
              <PasswordInput label="New password" description={PASSWORD_RULES} required autoComplete="new-password" {...form.field("new_password")} />
            </>
          )}
        </Form>
      </div>
    </Panel>
  );
}
