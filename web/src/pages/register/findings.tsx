// SPDX-License-Identifier: Apache-2.0
// What would be made: each entity, whether it is new, what changes, what it hangs together with.
import { Button } from "@mantine/core";
import { useState } from "react";
import { Code, Diff, EntityLink, KindIcon, Status, formatNumber } from "../../ui";
import type { Finding } from "./compare";
import styles from "./register.module.css";

const CHANGES: Record<Finding["change"], string> = { new: "New", changed: "Changed", same: "Unchanged" };
const SHOWN = 50;

function Relations({ finding }: { finding: Finding }) {
  const [all, setAll] = useState(false);
  const { relations } = finding;
  if (relations.length === 0) return <p className="fw-faint">It names no other entity.</p>;
  return (
    <ul className={styles.relations}>
      {(all ? relations : relations.slice(0, 20)).map(({ says, ref, isKnown }, i) => (
        <li key={i}>
          {says} <EntityLink ref_={ref} icon />
          {!isKnown && <Status state="warn">not in the catalog</Status>}
        </li>
      ))}
      {!all && relations.length > 20 && <li><Button variant="subtle" size="compact-sm" onClick={() => setAll(true)}>Show all {formatNumber(relations.length)}</Button></li>}
    </ul>
  );
}

function One({ finding }: { finding: Finding }) {
  const [open, setOpen] = useState(false);
  const { row, change, managedBy, relations } = finding;
  const unknown = relations.filter((one) => !one.isKnown).length;
  return (
    <li className={styles.finding}>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <KindIcon kind={row.kind} />
          <span className={styles.findingName} dir="auto">{row.title || row.name}</span>
          <span className={styles.findingRef}>{row.ref}</span>
          {managedBy && <Status state="bad">Taken</Status>}
          {unknown > 0 && <Status state="warn">{unknown === 1 ? "1 unknown name" : `${unknown} unknown names`}</Status>}
          <span className={styles.change} data-change={change}>{CHANGES[change]}</span>
        </summary>
        {open && (
          <div className={styles.detail}>
            {managedBy && <p>It comes from <code>{managedBy}</code> already and stays as it is there: change it there, or unregister that first.</p>}
            <Relations finding={finding} />
            {change === "new" ? <Code label={`${row.ref} as it would be`} text={finding.after} language="yaml" lines={24} />
              : change === "changed" ? <Diff label={`What changes in ${row.ref}`} before={finding.before} after={finding.after} language="yaml" />
                : <p className="fw-faint">It is in the catalog just like this.</p>}
          </div>
        )}
      </details>
    </li>
  );
}

function Taken({ findings }: { findings: Finding[] }) {
  const taken = findings.filter((one) => one.managedBy !== "");
  const by = [...new Set(taken.map((one) => one.managedBy))];
  if (taken.length === 0) return null;
  return (
    <p className={styles.taken}>
      <Status state="bad">Taken</Status> {taken.length === findings.length ? (taken.length === 1 ? "It comes" : "All come") : taken.length === 1 ? "1 comes" : `${formatNumber(taken.length)} come`} from{" "}
      {by.slice(0, 3).map((one, i) => <span key={one}>{i > 0 && ", "}<code>{one}</code></span>)}{by.length > 3 && ` and ${by.length - 3} more places`} already and {taken.length === 1 ? "stays as it is" : "stay as they are"} there.
    </p>
  );
}

export function Findings({ findings }: { findings: Finding[] }) {
  const [shown, setShown] = useState(SHOWN);
  const count = (change: Finding["change"]) => findings.filter((one) => one.change === change).length;
  const words = ([["new", "new"], ["changed", "changed"], ["same", "unchanged"]] as const).map(([change, word]) => [count(change), word] as const).filter(([n]) => n > 0);
  return (
    <>
      <p role="status" className={styles.sum}>{findings.length === 1 ? "1 entity" : `${formatNumber(findings.length)} entities`}: {words.map(([n, word]) => `${formatNumber(n)} ${word}`).join(", ")}.</p>
      <Taken findings={findings} />
      <ul className={styles.findings}>{findings.slice(0, shown).map((finding) => <One key={finding.row.ref} finding={finding} />)}</ul>
      {findings.length > shown && <Button variant="subtle" onClick={() => setShown(shown + SHOWN)}>Show {formatNumber(Math.min(SHOWN, findings.length - shown))} more</Button>}
    </>
  );
}
