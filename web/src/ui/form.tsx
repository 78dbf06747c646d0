// SPDX-License-Identifier: Apache-2.0
// A form sends once, says what is wrong at the field it is about, and keeps what was typed: when the session has ended it waits for the
// sign-in and can be sent again; leaving the page with unsent changes is asked about.
import { Button } from "@mantine/core";
import { useBlocker } from "@tanstack/react-router";
import { useEffect, useId, useRef, useState } from "react";
import type { FormEvent, ReactNode } from "react";
import { Problem, asProblem } from "../api";
import type { FormHandle, FormProps } from "./contract";
import { confirm } from "./dialogs";
import { ProblemView } from "./loaded";
import styles from "./form.module.css";

/** "/email" and "/emails/0" are about the field email. */
function fieldOf(pointer: string): string {
  return (pointer.replace(/^(body:|query:)?\/?/, "").split("/")[0] ?? "").replace(/~1/g, "/").replace(/~0/g, "~");
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

export function Form<V extends Record<string, unknown>>({ initial, check, send, onDone, action, cancel, unguarded = false, children }: FormProps<V>): ReactNode {
  const [values, setValues] = useState<V>(initial);
  const [wrong, setWrong] = useState<Partial<Record<string, string>>>({});
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const [changed, setDirty] = useState(false);
  const dirty = changed && !unguarded;
  const form = useRef<HTMLFormElement>(null);
  const id = useId();
  const sent = useRef(false);

  useEffect(() => {
    if (!dirty) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [dirty]);
  useBlocker({
    shouldBlockFn: async ({ current, next }) => dirty && !sent.current && current.pathname !== next.pathname
      && !(await confirm({ title: "Leave without sending?", children: "What you have typed will be lost.", action: "Leave", danger: true })),
    enableBeforeUnload: false,
    disabled: !dirty,
  });

  const set = <K extends keyof V>(name: K, value: V[K]) => {
    setValues((before) => ({ ...before, [name]: value }));
    setWrong((before) => ({ ...before, [name as string]: undefined }));
    setDirty(true);
  };
  const field: FormHandle<V>["field"] = (name, kind = "text") => {
    const value = values[name];
    const common = { name, id: `${id}-${name}`, error: wrong[name], disabled: busy };
    if (kind === "checkbox") return { ...common, checked: value === true, onChange: (event: { currentTarget: { checked: boolean } }) => set(name, event.currentTarget.checked as V[typeof name]) };
    if (kind === "text") return { ...common, value: value ?? "", onChange: (event: { currentTarget: { value: string } }) => set(name, event.currentTarget.value as V[typeof name]) };
    return { ...common, value: value ?? (kind === "list" ? [] : kind === "select" ? null : ""), onChange: (next: unknown) => set(name, next as V[typeof name]) };
  };
  const toFirst = () => setTimeout(() => form.current?.querySelector<HTMLElement>("[aria-invalid=true], [data-error] input")?.focus());

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    if (busy) return;
    const found = check?.(values) ?? {};
    setProblem(null);
    setWrong(found as Record<string, string>);
    if (Object.values(found).some(Boolean)) {
      toFirst();
      return;
    }
    setBusy(true);
    try {
      const answer = await send(values);
      sent.current = true;
      setDirty(false);
      onDone?.(answer);
      sent.current = false;
    } catch (cause) {
      const failed = asProblem(cause);
      const known = failed.fields.filter(({ pointer }) => fieldOf(pointer) in values);
      setWrong(Object.fromEntries(known.map(({ pointer, detail }) => [fieldOf(pointer), sentence(detail)])));
      const rest = failed.fields.filter((one) => !known.includes(one));
      setProblem(known.length > 0 && rest.length === 0 ? null : new Problem(failed.message, failed.status, failed.requestId, rest, failed.title));
      if (known.length > 0) toFirst();
    } finally {
      setBusy(false);
    }
  };

  return (
    <form ref={form} className={styles.form} onSubmit={(event) => void submit(event)} noValidate aria-busy={busy || undefined}>
      {children({ values, set, field, busy })}
      {problem && <ProblemView error={problem} />}
      <div className={styles.buttons}>
        <Button type="submit" variant="filled" loading={busy}>{action}</Button>
        {cancel && <Button onClick={cancel} disabled={busy}>Cancel</Button>}
      </div>
    </form>
  );
}
