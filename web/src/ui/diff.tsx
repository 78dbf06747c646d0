// SPDX-License-Identifier: Apache-2.0
// Before and after: of texts, line by line (loaded when first shown), and of fields.
import { Suspense, lazy } from "react";
import type { ChangesProps, DiffProps } from "./contract";
import { Bones } from "./loaded";
import styles from "./diff.module.css";

const LineDiff = lazy(() => import("./heavy/line_diff"));

export function Diff(props: DiffProps) {
  return <Suspense fallback={<Bones lines={8} />}><LineDiff {...props} /></Suspense>;
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value, null, 1);
}

export function Changes({ changes }: ChangesProps) {
  if (changes.length === 0) return <p className="fw-faint">Nothing that is shown has changed.</p>;
  return (
    <div className={styles.scroll} role="group" aria-label="Changes" tabIndex={0}>
      <table className={styles.changes}>
        <thead><tr><th scope="col">Field</th><th scope="col">Before</th><th scope="col">After</th></tr></thead>
        <tbody>
          {changes.map(({ path, before, after }) => (
            <tr key={path}>
              <th scope="row"><code>{path}</code></th>
              <td>{shown(before) ? <del dir="auto">{shown(before)}</del> : <span className="fw-faint">nothing</span>}</td>
              <td>{shown(after) ? <ins dir="auto">{shown(after)}</ins> : <span className="fw-faint">nothing</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
