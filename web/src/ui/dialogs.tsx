// SPDX-License-Identifier: Apache-2.0
// Questions before what cannot be taken back, and short news of what was done.
import { Button, Modal, TextInput } from "@mantine/core";
import { Notifications, notifications } from "@mantine/notifications";
import { useState, useSyncExternalStore } from "react";
import type { ReactNode } from "react";
import { asProblem } from "../api";
import type { ConfirmProps, State } from "./contract";
import { Shape } from "./status";
import styles from "./dialogs.module.css";

interface Question extends ConfirmProps {
  answer: (yes: boolean) => void;
}

let question: Question | null = null;
const watchers = new Set<() => void>();
function ask(next: Question | null): void {
  question = next;
  for (const watcher of watchers) watcher();
}

/** Asks; true when the verb is pressed. */
export function confirm(props: ConfirmProps): Promise<boolean> {
  question?.answer(false);
  return new Promise((resolve) => ask({ ...props, answer: resolve }));
}

interface ToastOptions {
  state?: State;
  /** A link back, "Undo". */
  action?: { label: string; run: () => void };
}

export function toast(message: ReactNode, { state = "good", action }: ToastOptions = {}): void {
  const id = `toast-${Math.random().toString(36).slice(2)}`;
  notifications.show({
    id, withBorder: true, autoClose: state === "bad" ? 12_000 : 5000, icon: <Shape state={state} size={14} />, color: "gray", withCloseButton: true, closeButtonProps: { "aria-label": "Close" },
    className: styles.toast ?? "",
    message: action ? <span className={styles.action}>{message} <Button size="compact-xs" onClick={() => { notifications.hide(id); action.run(); }}>{action.label}</Button></span> : message,
  });
}

export function toastProblem(error: unknown): void {
  const problem = asProblem(error);
  toast(<>{problem.message}{problem.requestId && <> <code title="The request's id">{problem.requestId.slice(0, 12)}</code></>}</>, { state: "bad" });
}

function Asked({ asked }: { asked: Question }) {
  const [typed, setTyped] = useState("");
  const [open, setOpen] = useState(true);
  const answer = (yes: boolean) => {
    setOpen(false);
    asked.answer(yes);
  };
  return (
    <Modal opened={open} onClose={() => answer(false)} onExitTransitionEnd={() => ask(question === asked ? null : question)} title={asked.title}>
      <form className={styles.question} onSubmit={(event) => { event.preventDefault(); answer(true); }}>
        {asked.children && <div>{asked.children}</div>}
        {asked.typed !== undefined && <TextInput data-autofocus label={<>Type <code>{asked.typed}</code> to go on</>} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} autoComplete="off" />}
        <div className={styles.buttons}>
          <Button onClick={() => answer(false)} data-autofocus={asked.typed === undefined || undefined}>Cancel</Button>
          <Button type="submit" variant="filled" color={asked.danger ? "red" : "cyan"} disabled={asked.typed !== undefined && typed !== asked.typed}>{asked.action}</Button>
        </div>
      </form>
    </Modal>
  );
}

export function Dialogs() {
  const asked = useSyncExternalStore((watcher) => {
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }, () => question);
  return <><section aria-label="News" aria-live="polite"><Notifications position="bottom-right" limit={4} withinPortal={false} /></section>{asked && <Asked key={asked.title} asked={asked} />}</>;
}
