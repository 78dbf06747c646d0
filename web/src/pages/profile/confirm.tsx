// SPDX-License-Identifier: Apache-2.0
// Changing how somebody signs in needs a sign-in of the last minutes: else they are asked once more who they are.
import { Modal, PasswordInput, TextInput } from "@mantine/core";
import { useCallback, useRef, useState } from "react";
import type { ReactNode } from "react";
import { asProblem, call, queryClient, useGet } from "../../api";
import type { Schemas } from "../../api";
import { Form, Loaded } from "../../ui";
import { Attempt } from "../sign-in/attempt";
import { startOf, useProviders } from "../sign-in/providers";
import { askPasskey, passkeysPossible } from "../sign-in/webauthn";
import { useFactors } from "./factors";
import styles from "./profile.module.css";

const KEY = ["/api/auth/second-factors", {}];
const MARGIN_MS = 15_000;

type Factors = Schemas["SecondFactors"];

function keep({ confirmed_until }: Schemas["Confirmed"]): void {
  queryClient.setQueryData<Factors>(KEY, (before) => before && { ...before, confirmed_until });
}

function isRecent(): boolean {
  const known = queryClient.getQueryData<Factors>(KEY);
  return known !== undefined && Date.parse(known.confirmed_until) > Date.now() + MARGIN_MS;
}

/** The server's clock decides: it may ask although the time shown here is not over. */
function asksWho(cause: unknown): boolean {
  const problem = asProblem(cause);
  return problem.status === 403 && problem.message.includes("/api/auth/confirm");
}

function Question({ factors, done }: { factors: Factors; done: () => void }) {
  const providers = useProviders();
  const identities = useGet("/api/auth/identities");
  const has = factors.totp || factors.passkeys > 0;
  const linked = (providers.data?.items ?? []).filter((one) => identities.data?.items.some((link) => link.provider === one.id));
  const show = async (body: Schemas["Confirmation"]) => {
    keep((await call("post", "/api/auth/confirm", { body })).data);
    done();
  };
  const byPasskey = async () => {
    const { data } = await call("post", "/api/auth/passkey-sign-in/options");
    await show({ passkey: await askPasskey(data) });
  };
  return (
    <div className={styles["stack"]}>
      <p>Your last sign-in was some time ago, and this changes who may sign in.</p>
      {has ? (
        <Form unguarded initial={{ code: "" }} action="Confirm" send={({ code }) => show({ code })}>
          {(form) => <TextInput label={factors.totp ? "Code of your app, or a recovery code" : "Recovery code"} required data-autofocus maxLength={64} autoComplete="one-time-code" {...form.field("code")} />}
        </Form>
      ) : (
        <Form unguarded initial={{ password: "" }} action="Confirm" send={({ password }) => show({ password })}>
          {(form) => <PasswordInput label="Password" required data-autofocus autoComplete="current-password" {...form.field("password")} />}
        </Form>
      )}
      {factors.passkeys > 0 && passkeysPossible && <Attempt fullWidth work={byPasskey}>Use a passkey</Attempt>}
      {linked.map((one) => <a key={one.id} className={styles["away"]} href={startOf(one, location.pathname + location.search)}>Sign in with {one.title} again</a>)}
    </div>
  );
}

export interface IdentityCheck {
  /** Does the work once it is known who asks for it; does nothing when they leave the question. */
  sure: <T>(work: () => Promise<T>) => Promise<T | undefined>;
  /** To be rendered by whoever uses it. */
  dialog: ReactNode;
}

export function useIdentityCheck(): IdentityCheck {
  const factors = useFactors();
  const [open, setOpen] = useState(false);
  const answer = useRef<(confirmed: boolean) => void>(() => undefined);
  const close = useCallback((confirmed: boolean) => {
    setOpen(false);
    answer.current(confirmed);
  }, []);
  const ask = useCallback(() => new Promise<boolean>((resolve) => {
    answer.current = resolve;
    setOpen(true);
  }), []);
  const sure = useCallback(async <T,>(work: () => Promise<T>): Promise<T | undefined> => {
    if (!isRecent() && !(await ask())) return undefined;
    try {
      return await work();
    } catch (cause) {
      if (!asksWho(cause)) throw cause;
      if (!(await ask())) return undefined;
      return work();
    }
  }, [ask]);
  const dialog = (
    <Modal opened={open} onClose={() => close(false)} title="Show that it is you">
      <Loaded query={factors}>{(found) => <Question factors={found} done={() => close(true)} />}</Loaded>
    </Modal>
  );
  return { sure, dialog };
}
