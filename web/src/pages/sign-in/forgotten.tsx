// SPDX-License-Identifier: Apache-2.0
// A link that sets a new password, by mail. The answer is the same whoever has the address.
import { TextInput } from "@mantine/core";
import { useState } from "react";
import { call } from "../../api";
import { Form } from "../../ui";
import { Quiet } from "./quiet";
import styles from "./sign_in.module.css";

export function Forgotten({ email, back }: { email: string; back: () => void }) {
  const [sentTo, setSentTo] = useState("");
  if (sentTo) {
    return (
      <div className={styles["step"]} role="status">
        <h1 tabIndex={-1} ref={(element) => element?.focus()}>Look into your mail</h1>
        <p>If somebody here has the address <strong dir="auto">{sentTo}</strong>, a letter with a link is on its way. The link works once, within an hour.</p>
        <p className="fw-faint">Nothing comes? Look among what was sorted out as spam, or ask an administrator for a link.</p>
        <Quiet onClick={back}>Back to the sign-in</Quiet>
      </div>
    );
  }
  return (
    <div className={styles["step"]}>
      <h1>Set a new password</h1>
      <p className="fw-faint">Say which address you sign in with, and a letter with a link goes there.</p>
      <Form unguarded initial={{ email }} action="Send me a link"
        send={async (values) => {
          await call("post", "/api/auth/password-reset", { body: values });
          setSentTo(values.email);
        }}>
        {(form) => <TextInput label="Email" type="email" autoComplete="username" required withAsterisk={false} data-autofocus autoFocus {...form.field("email")} />}
      </Form>
      <Quiet onClick={back}>Back to the sign-in</Quiet>
    </div>
  );
}
