// SPDX-License-Identifier: Apache-2.0
import { Button } from "@mantine/core";
import type { TimelineProps } from "./contract";
import { Link } from "./link";
import { Shape } from "./status";
import { Time } from "./values";
import styles from "./timeline.module.css";

export function Timeline({ label, entries, more }: TimelineProps) {
  return (
    <div>
      <ol className={styles.timeline} aria-label={label}>
        {entries.map((entry) => (
          <li key={entry.id} id={entry.id}>
            <span className={styles.dot}><Shape state={entry.state ?? "unknown"} size={11} /></span>
            <div className={styles.body}>
              <div className={styles.line}>
                <span className={styles.title}>{entry.to ? <Link to={entry.to}>{entry.title}</Link> : entry.title}</span>
                <span className="fw-faint">{entry.by}{entry.by ? " · " : ""}<Time at={entry.at} /></span>
              </div>
              {entry.details && <div className={styles.details}>{entry.details}</div>}
            </div>
          </li>
        ))}
      </ol>
      {more && <Button size="xs" onClick={more}>Show earlier ones</Button>}
    </div>
  );
}
