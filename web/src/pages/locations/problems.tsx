// SPDX-License-Identifier: Apache-2.0
// Why locations fail: what was refused, with its line; asked when it is opened.
import { useState } from "react";
import { useGet } from "../../api";
import type { Schemas } from "../../api";
import { Loaded, Panel, Time } from "../../ui";
import styles from "./locations.module.css";

type Source = Schemas["Source"];
const SHOWN = 50;

function Details({ source }: { source: Source }) {
  const problems = useGet("/api/sources/{id}/problems", { params: { path: { id: source.id } } }, { live: ["catalog.*"] });
  return (
    <Loaded query={problems} isEmpty={(data) => data.items.length === 0} empty={<p>{source.error ?? "The address could not be read."}</p>}>
      {({ items }) => (
        <ul className={styles.problems}>
          {items.slice(0, SHOWN).map((item, i) => (
            <li key={i}>
              <p><code>{item.location}</code>{item.line ? `, line ${item.line}${item.column ? `, column ${item.column}` : ""}` : ""}{item.entity_ref ? <>: <code>{item.entity_ref}</code></> : ""}</p>
              <p>{item.message}</p>
              <p className="fw-faint">Found <Time at={item.found_at} /></p>
            </li>
          ))}
          {items.length > SHOWN && <li>and {items.length - SHOWN} more</li>}
        </ul>
      )}
    </Loaded>
  );
}

function One({ source }: { source: Source }) {
  const [open, setOpen] = useState(false);
  return (
    <details className={styles.failing} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary><code>{source.target}</code></summary>
      {open ? <Details source={source} /> : null}
    </details>
  );
}

export function Problems({ sources }: { sources: Source[] }) {
  return (
    <Panel title={sources.length === 1 ? "One address fails" : `${sources.length} addresses fail`}>
      {sources.slice(0, SHOWN).map((source) => <One key={source.id} source={source} />)}
    </Panel>
  );
}
