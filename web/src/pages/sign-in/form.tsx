// SPDX-License-Identifier: Apache-2.0
// Signing in: by password and second factor, by passkey, by a provider. Shown in place of a page that needs somebody, and
// in a dialog when a session has ended.
import { PasswordInput, TextInput } from "@mantine/core";
import { IconFingerprint } from "@tabler/icons-react";
import { useState } from "react";
import { call } from "../../api";
import { useMe } from "../../app/me";
import { Form, ProblemView } from "../../ui";
import { arrival } from "./arrival";
import { Attempt } from "./attempt";
import { goOn, refusal, signInByPasskey } from "./enter";
import type { SecondStepAsked } from "./enter";
import { Forgotten } from "./forgotten";
import { ProviderButtons, useProviders } from "./providers";
import { Quiet } from "./quiet";
import { SecondStep } from "./second_step";
import styles from "./sign_in.module.css";
import { passkeysPossible } from "./webauthn";

type Step = { name: "password" } | { name: "forgotten"; email: string } | { name: "second"; asked: SecondStepAsked };

interface SignInFormProps {
  /** In the dialog of a session that has ended. */
  again?: boolean;
  /** A second step that something else was answered with. */
  asked?: SecondStepAsked | undefined;
}

export function SignInForm({ again = false, asked }: SignInFormProps) {
  const [step, setStep] = useState<Step>(asked ? { name: "second", asked } : { name: "password" });
  const email = useMe()?.user?.email ?? "";
  const restart = () => setStep({ name: "password" });
  if (step.name === "second") return <SecondStep asked={step.asked} restart={restart} />;
  if (step.name === "forgotten") return <Forgotten email={step.email} back={restart} />;
  return <FirstStep again={again} email={email} go={setStep} />;
}

function FirstStep({ again, email, go }: { again: boolean; email: string; go: (step: Step) => void }) {
  const [failure, setFailure] = useState(arrival.failure);
  const providers = useProviders();
  const others = passkeysPossible || (providers.data?.items.length ?? 0) > 0;
  const send = async (values: { email: string; password: string }) => {
    arrival.failure = "";
    setFailure("");
    const { data } = await refusal(call("post", "/api/auth/login", { body: { ...values, cookie: true } }));
    const asked = await goOn(data);
    if (asked) go({ name: "second", asked });
  };
  return (
    <div className={styles["step"]}>
      {!again && <h1>Sign in</h1>}
      {failure && <ProblemView error={new Error(failure)} compact />}
      <Form unguarded initial={{ email, password: "" }} action="Sign in" send={send}>
        {(form) => (
          <>
            <TextInput label="Email" type="email" autoComplete="username" required withAsterisk={false} autoFocus={!email} data-autofocus={!email || undefined} {...form.field("email")} />
            <PasswordInput label="Password" autoComplete="current-password" required withAsterisk={false} autoFocus={Boolean(email)} data-autofocus={email ? true : undefined} {...form.field("password")} />
            <Quiet onClick={() => go({ name: "forgotten", email: form.values.email })}>Forgot your password?</Quiet>
          </>
        )}
      </Form>
      {others && <p className={styles["or"]} aria-hidden="true">or</p>}
      {others && (
        <div className={styles["others"]}>
          {passkeysPossible && <Attempt fullWidth leftSection={<IconFingerprint size={18} aria-hidden="true" />} work={signInByPasskey}>Sign in with a passkey</Attempt>}
          <ProviderButtons again={again} />
        </div>
      )}
      {providers.error && <ProblemView error={providers.error} retry={() => void providers.refetch()} compact />}
    </div>
  );
}
