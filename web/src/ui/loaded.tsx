// SPDX-License-Identifier: Apache-2.0
// What stands where something is not there: yet, at all, or because it failed.
import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { asProblem } from "../api";
import { Code } from "./code";
import type { EmptyProps, LoadedProps, ProblemViewProps } from "./contract";
import { Shape } from "./status";
import { Copy } from "./values";
import styles from "./loaded.module.css";

/** Grey lines where text will be. */
export function Bones({ lines = 5 }: { lines?: number }) {
  return (
    <div className={styles.bones} role="status">
      <span className="fw-only-read">Loading</span>
      {Array.from({ length: lines }, (_, i) => <span key={i} className={styles.bone} data-width={i % 4} aria-hidden="true" />)}
    </div>
  );
}

export function Empty({ title, children, code, action }: EmptyProps) {
  return (
    <div className={styles.empty}>
      <p className={styles.emptyTitle}>{title}</p>
      {children && <div className="fw-faint">{children}</div>}
      {code && <Code text={code} language="sh" label="The command" />}
      {action && <div>{action}</div>}
    </div>
  );
}

function whatNow(status: number): string {
  if (status === 0) return "Look whether the server runs and whether this computer is online.";
  if (status === 401) return "Sign in, then try again.";
  if (status === 403) return "An administrator can give you the right, under Govern, Access.";
  if (status === 404) return "It may have been renamed or removed.";
  if (status === 429) return "Wait a little, then try again.";
  return status >= 500 ? "Try again. If it stays so, give the request's id to who runs Fairway." : "";
}

export function ProblemView({ error, retry, compact }: ProblemViewProps) {
  const problem = asProblem(error);
  const now = whatNow(problem.status);
  if (compact) {
    return <span className={styles.compact} role="alert"><Shape state="bad" /> {problem.message} {retry && <Button size="compact-xs" onClick={retry}>Try again</Button>}</span>;
  }
  return (
    <div className={styles.problem} role="alert">
      <Shape state="bad" size={14} />
      <div className={styles.problemText}>
        <p className={styles.problemTitle}>{problem.message}</p>
        {problem.fields.length > 0 && <ul>{problem.fields.map((field) => <li key={field.pointer + field.detail}><code>{field.pointer || "the request"}</code> {field.detail}</li>)}</ul>}
        {now && !problem.message.includes(now) && <p className="fw-faint">{now}</p>}
        {(retry || problem.requestId) && (
          <p className={styles.problemEnd}>
            {retry && <Button size="xs" onClick={retry}>Try again</Button>}
            {problem.requestId && <span className="fw-faint">Request <code>{problem.requestId.slice(0, 12)}</code> <Copy text={problem.requestId} label="Copy the request's id" /></span>}
          </p>
        )}
      </div>
    </div>
  );
}

export function Loaded<T>({ query, bones, isEmpty, empty, children }: LoadedProps<T>): ReactNode {
  const again = () => void query.refetch();
  if (query.data === undefined) return query.error ? <ProblemView error={query.error} retry={again} /> : (bones ?? <Bones />);
  return (
    <>
      {query.error && <div className={styles.stale}><ProblemView error={query.error} retry={again} compact /></div>}
      {isEmpty?.(query.data) ? empty : children(query.data)}
    </>
  );
}
