// SPDX-License-Identifier: Apache-2.0
// The state of anything, as a shape and a word besides its colour: ● good, ▲ degraded, ■ failed, ◐ running, ○ unknown, ⏸ paused.
import type { State, StatusProps } from "./contract";
import styles from "./status.module.css";

const SHAPES: Record<State, React.ReactNode> = {
  good: <circle cx="6" cy="6" r="5" fill="currentColor" />,
  warn: <path d="M6 .8 11.6 11H.4Z" fill="currentColor" />,
  bad: <rect x="1" y="1" width="10" height="10" rx="1" fill="currentColor" />,
  busy: <><circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" strokeWidth="1.5" /><path d="M6 1.75a4.25 4.25 0 0 1 0 8.5Z" fill="currentColor" /></>,
  unknown: <circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" strokeWidth="1.5" />,
  paused: <><rect x="2" y="1.5" width="3" height="9" fill="currentColor" /><rect x="7" y="1.5" width="3" height="9" fill="currentColor" /></>,
};
const WORDS: Record<State, string> = { good: "healthy", warn: "degraded", bad: "failed", busy: "running", unknown: "unknown", paused: "paused" };

export function Shape({ state, size = 12 }: { state: State; size?: number }) {
  return <svg className={styles[state]} width={size} height={size} viewBox="0 0 12 12" aria-hidden="true">{SHAPES[state]}</svg>;
}

export function Status({ state, children, label }: StatusProps) {
  return (
    <span className={styles.status}>
      <Shape state={state} />
      {children ? <span className={styles[state]}>{children}</span> : <span className="fw-only-read">{label ?? WORDS[state]}</span>}
    </span>
  );
}

/** From the API's words about health. */
export function stateOfHealth(health: string | null | undefined): State {
  return health === "healthy" ? "good" : health === "degraded" ? "warn" : health === "unhealthy" ? "bad" : "unknown";
}
