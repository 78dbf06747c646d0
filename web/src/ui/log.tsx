// SPDX-License-Identifier: Apache-2.0
// A log: only the lines that are seen are drawn, so a hundred thousand scroll as ten do.
import { Button, Checkbox, TextInput } from "@mantine/core";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { useEffect, useMemo, useRef, useState } from "react";
import type { LogLine, LogViewProps } from "./contract";
import styles from "./log.module.css";

const LINE = 20;
const AHEAD = 20;
// eslint-disable-next-line no-control-regex
const ANSI = /\u001b\[[0-9;?]*[A-Za-z]/g;

export function LogView({ label, lines, following }: LogViewProps) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(400);
  const [follows, setFollows] = useState(following ?? false);
  const [text, setText] = useState("");
  const [hit, setHit] = useState(0);

  const clean = useMemo(() => lines.map((line): LogLine => ({ ...line, text: line.text.replace(ANSI, "") })), [lines]);
  const hits = useMemo(() => {
    if (!text) return [];
    const wanted = text.toLowerCase();
    return clean.flatMap((line, i) => (line.text.toLowerCase().includes(wanted) ? [i] : []));
  }, [clean, text]);
  const current = hits.length > 0 ? hits[((hit % hits.length) + hits.length) % hits.length] : undefined;

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (follows && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [follows, clean.length]);
  useEffect(() => {
    if (current !== undefined && box.current) box.current.scrollTop = Math.max(0, current * LINE - height / 2);
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [current]);
  useEffect(() => {
    const number = /^#L(\d+)$/.exec(location.hash)?.[1];
    const at = number ? clean.findIndex((line) => line.number === Number(number)) : -1;
    if (at >= 0 && box.current) box.current.scrollTop = Math.max(0, at * LINE - 60);
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  const first = Math.max(0, Math.floor(top / LINE) - AHEAD);
  const shown = clean.slice(first, Math.ceil((top + height) / LINE) + AHEAD);
  return (
    <div className={styles.log}>
      <div className={styles.tools}>
        <TextInput size="xs" aria-label={`Find in ${label}`} placeholder="Find" value={text} onChange={(event) => { setText(event.currentTarget.value); setHit(0); }}
          onKeyDown={(event) => { if (event.key === "Enter") setHit(hit + (event.shiftKey ? -1 : 1)); }} />
        {text && <span role="status" className="fw-faint">{hits.length === 0 ? "Not found" : `${(((hit % hits.length) + hits.length) % hits.length) + 1} of ${hits.length}`}</span>}
        {hits.length > 1 && <><Button size="compact-xs" aria-label="Hit before" onClick={() => setHit(hit - 1)}><IconArrowUp size={14} /></Button><Button size="compact-xs" aria-label="Next hit" onClick={() => setHit(hit + 1)}><IconArrowDown size={14} /></Button></>}
        {following !== undefined && <Checkbox size="xs" label="Follow" checked={follows} onChange={(event) => setFollows(event.currentTarget.checked)} />}
      </div>
      <div className={styles.box} ref={box} tabIndex={0} role="log" aria-label={label} aria-live="off"
        onScroll={(event) => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          setTop(scrollTop);
          if (follows && scrollHeight - scrollTop - clientHeight > 60) setFollows(false);
        }}>
        <div style={{ height: clean.length * LINE, position: "relative" }}>
          <div style={{ position: "absolute", insetInline: 0, top: first * LINE }}>
            {shown.map((line, i) => (
              <div key={line.number} className={styles.line} data-level={line.level} data-hit={first + i === current || undefined} id={`L${line.number}`}>
                <a href={`#L${line.number}`} className={styles.number} aria-label={`Line ${line.number}`}>{line.number}</a>
                {line.at && <time className={styles.at} dateTime={line.at}>{line.at.slice(11, 19)}</time>}
                {line.level && line.level !== "info" && <span className={styles.level}>{line.level}</span>}
                <span>{line.text}</span>
              </div>
            ))}
          </div>
        </div>
        {clean.length === 0 && <p className={styles.none}>No lines yet.</p>}
      </div>
    </div>
  );
}
