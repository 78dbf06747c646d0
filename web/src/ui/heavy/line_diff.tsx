// SPDX-License-Identifier: Apache-2.0
// Two texts line by line; what did not change is folded, and within changed lines the changed words are marked.
import { Chunk, diff } from "@codemirror/merge";
import { Text } from "@codemirror/state";
import { useMemo, useState } from "react";
import type { ReactNode } from "react";
import type { DiffProps } from "../contract";
import styles from "../diff.module.css";

interface Row {
  sign: " " | "+" | "-";
  before?: number;
  after?: number;
  text: ReactNode;
}

const AROUND = 3;
const LINES_MAX = 20_000;

function marked(line: string, other: string, side: "A" | "B"): ReactNode {
  if (line.length > 2000 || other.length > 2000) return line;
  const pieces: ReactNode[] = [];
  let at = 0;
  for (const change of diff(side === "A" ? line : other, side === "A" ? other : line, { scanLimit: 500 })) {
    const [from, to] = side === "A" ? [change.fromA, change.toA] : [change.fromB, change.toB];
    if (to <= from) continue;
    pieces.push(line.slice(at, from), <mark key={from}>{line.slice(from, to)}</mark>);
    at = to;
  }
  if (pieces.length > 0 && at === 0) return line;
  pieces.push(line.slice(at));
  return pieces;
}

function rowsOf(before: string, after: string): Row[] {
  const a = Text.of(before.split("\n").slice(0, LINES_MAX));
  const b = Text.of(after.split("\n").slice(0, LINES_MAX));
  const rows: Row[] = [];
  let lineA = 1;
  let lineB = 1;
  const same = (until: number) => {
    for (; lineA < until && lineA <= a.lines; lineA++, lineB++) rows.push({ sign: " ", before: lineA, after: lineB, text: a.line(lineA).text });
  };
  for (const chunk of Chunk.build(a, b)) {
    same(chunk.fromA >= a.length && chunk.fromA !== chunk.toA && a.length > 0 && chunk.fromA > a.length ? a.lines + 1 : a.lineAt(Math.min(chunk.fromA, a.length)).number);
    const endA = chunk.fromA === chunk.toA ? lineA : a.lineAt(Math.min(chunk.endA, a.length)).number + 1;
    const endB = chunk.fromB === chunk.toB ? lineB : b.lineAt(Math.min(chunk.endB, b.length)).number + 1;
    const [startA, startB] = [lineA, lineB];
    for (; lineA < endA; lineA++) {
      const other = startB + (lineA - startA);
      rows.push({ sign: "-", before: lineA, text: other < endB ? marked(a.line(lineA).text, b.line(other).text, "A") : a.line(lineA).text });
    }
    for (; lineB < endB; lineB++) {
      const other = startA + (lineB - startB);
      rows.push({ sign: "+", after: lineB, text: other < endA ? marked(b.line(lineB).text, a.line(other).text, "B") : b.line(lineB).text });
    }
  }
  same(a.lines + 1);
  return rows;
}

const NAMES = { " ": undefined, "+": styles.added, "-": styles.removed };

export default function LineDiff({ before, after, label }: DiffProps) {
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const rows = useMemo(() => rowsOf(before, after), [before, after]);
  const near = useMemo(() => {
    const shown = new Uint8Array(rows.length);
    rows.forEach((row, i) => {
      if (row.sign !== " ") shown.fill(1, Math.max(0, i - AROUND), i + AROUND + 1);
    });
    return shown;
  }, [rows]);
  if (before === after) return <p className="fw-faint">Both are the same.</p>;
  const lines: ReactNode[] = [];
  for (let i = 0; i < rows.length; i++) {
    if (!near[i] && !open.has(i)) {
      let end = i;
      while (end < rows.length && !near[end]) end++;
      const start = i;
      if (end - start > 2) {
        lines.push(<tr key={`fold-${start}`} className={styles.fold}><td colSpan={4}><button type="button" onClick={() => setOpen(new Set([...open, ...Array.from({ length: end - start }, (_, k) => start + k)]))}>Show {end - start} lines that are the same</button></td></tr>);
        i = end - 1;
        continue;
      }
    }
    const row = rows[i];
    if (!row) continue;
    lines.push(
      <tr key={i} className={NAMES[row.sign]}>
        <td className={styles.number}>{row.before}</td><td className={styles.number}>{row.after}</td>
        <td className={styles.sign}>{row.sign === " " ? "" : <span aria-label={row.sign === "+" ? "added" : "removed"}>{row.sign}</span>}</td><td>{row.text}</td>
      </tr>,
    );
  }
  return <div className={styles.diff} role="region" aria-label={label} tabIndex={0}><table aria-label={label}><tbody>{lines}</tbody></table></div>;
}
