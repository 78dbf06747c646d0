// SPDX-License-Identifier: Apache-2.0
// Text as it stands, with light colours for YAML, JSON and shells. Editing is another thing: Editor.
import { useMemo } from "react";
import type { ReactNode } from "react";
import type { CodeProps } from "./contract";
import { Shape } from "./status";
import { Copy } from "./values";
import styles from "./code.module.css";

const LINES_COLOURED = 3000;

/** Pieces of a line with the class of each; the rules are tried at each place in order. */
const RULES: Record<string, [RegExp, string][]> = {
  yaml: [[/#.*/y, "comment"], [/"(?:\\.|[^"\\])*"|'[^']*'/y, "string"], [/[\w$./-]+(?=:(?:\s|$))/y, "key"], [/\b(?:true|false|null|~)\b|-?\b\d[\d.]*\b/y, "value"]],
  json: [[/"(?:\\.|[^"\\])*"(?=\s*:)/y, "key"], [/"(?:\\.|[^"\\])*"/y, "string"], [/\b(?:true|false|null)\b|-?\b\d[\d.eE+-]*\b/y, "value"]],
  sh: [[/#.*/y, "comment"], [/"(?:\\.|[^"\\])*"|'[^']*'/y, "string"], [/(?<=\s)--?[\w-]+/y, "value"]],
  graphql: [[/#.*/y, "comment"], [/"""[^"]*"""|"(?:\\.|[^"\\])*"/y, "string"], [/\b(?:type|input|enum|interface|union|scalar|query|mutation|subscription|schema|extend|directive|implements)\b/y, "key"], [/@\w+/y, "value"]],
  proto: [[/\/\/.*/y, "comment"], [/"(?:\\.|[^"\\])*"/y, "string"], [/\b(?:syntax|package|import|message|service|rpc|returns|enum|oneof|repeated|optional|map|option|stream|reserved)\b/y, "key"]],
};

function coloured(line: string, language: string): ReactNode {
  const rules = RULES[language];
  if (!rules || line.length > 500) return line;
  const pieces: ReactNode[] = [];
  let plain = "";
  for (let at = 0; at < line.length;) {
    let found: { text: string; kind: string } | null = null;
    for (const [rule, kind] of rules) {
      rule.lastIndex = at;
      const text = rule.exec(line)?.[0];
      if (text) {
        found = { text, kind };
        break;
      }
    }
    if (found) {
      if (plain) pieces.push(plain);
      plain = "";
      pieces.push(<span key={at} className={styles[found.kind]}>{found.text}</span>);
      at += found.text.length;
    } else {
      plain += line[at];
      at++;
    }
  }
  if (plain) pieces.push(plain);
  return pieces;
}

export function Code({ text, language = "text", numbered, marks = [], lines, label }: CodeProps) {
  const rows = useMemo(() => text.replace(/\n$/, "").split("\n"), [text]);
  const shown = useMemo(() => rows.map((line, i) => (i < LINES_COLOURED ? coloured(line, language) : line)), [rows, language]);
  const one = rows.length === 1 && !numbered;
  const by = new Map(marks.map((mark) => [mark.line, mark]));
  return (
    <div className={styles.code} data-one={one || undefined}>
      <pre tabIndex={0} role="region" aria-label={label} style={lines ? { maxHeight: lines * 20 + 24 } : undefined}>
        {numbered || marks.length > 0 ? rows.map((_, i) => {
          const mark = by.get(i + 1);
          return (
            <span key={i} id={numbered ? `L${i + 1}` : undefined} className={styles.line} data-mark={mark?.state}>
              <span className={styles.number} data-number={i + 1} aria-hidden="true" /><span>{shown[i]}{"\n"}</span>
              {mark && <span className={styles.mark}><Shape state={mark.state} /> {mark.message}{"\n"}</span>}
            </span>
          );
        }) : shown.map((line, i) => <span key={i}>{line}{i < rows.length - 1 ? "\n" : ""}</span>)}
      </pre>
      <span className={styles.copy}><Copy text={text} label="Copy" /></span>
    </div>
  );
}
