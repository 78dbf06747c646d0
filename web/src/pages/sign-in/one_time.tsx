// SPDX-License-Identifier: Apache-2.0
// A one-time link: of the first administrator, of who was invited, of who has lost the password. It says not which, so what
// only the first two are asked stands apart.
import { PasswordInput, TextInput } from "@mantine/core";
import { useState } from "react";
import { call } from "../../api";
import { Form } from "../../ui";
import { arrival } from "./arrival";
import { goOn, refusal } from "./enter";
import type { SecondStepAsked } from "./enter";
import { Quiet } from "./quiet";
import { PASSWORD_RULES } from "./rules";
import styles from "./sign_in.module.css";

export function OneTime({ asked, leave }: { asked: (step: SecondStepAsked) => void; leave: () => void }) {
  const [isNew, setNew] = useState(false);
  const token = arrival.oneTime;
  return (
    <div className={styles["step"]}>
      <h1>Set your password</h1>
      <p className="fw-faint">The link you followed works once. It signs you in, and ends your other sessions.</p>
      <Form unguarded initial={{ password: "", name: "", email: "" }} action="Set it and sign in"
        send={async ({ password, name, email }) => {
          const body = { token, password, cookie: true, ...(name ? { name } : {}), ...(email ? { email } : {}) };
          const { data } = await refusal(call("post", "/api/auth/one-time", { body }));
          const step = await goOn(data);
          if (step) asked(step);
          else leave(); // it has been used
        }}>
        {(form) => (
          <>
            <PasswordInput label="New password" description={PASSWORD_RULES} required withAsterisk={false} autoFocus data-autofocus autoComplete="new-password" {...form.field("password")} />
            {isNew ? (
              <>
                <TextInput label="Your name" description="When you were invited, or are the first administrator" autoComplete="name" {...form.field("name")} />
                <TextInput label="Your email" description="Only of the first administrator: the address to sign in with from now on" type="email" autoComplete="username" {...form.field("email")} />
              </>
            ) : <Quiet onClick={() => setNew(true)}>New here? Say your name and address too</Quiet>}
          </>
        )}
      </Form>
      <Quiet onClick={leave}>Sign in without the link</Quiet>
    </div>
  );
}
