// SPDX-License-Identifier: Apache-2.0
import { Tooltip } from "@mantine/core";
import type { SparklineProps, StripProps } from "./contract";
import styles from "./sparkline.module.css";

export function Sparkline({ values, label, state = "busy" }: SparklineProps) {
  const known = values.filter((value): value is number => value !== null);
  const top = Math.max(...known, 1e-9);
  const step = values.length > 1 ? 80 / (values.length - 1) : 80;
  let path = "";
  values.forEach((value, i) => {
    if (value === null) return;
    const gap = i === 0 || values[i - 1] === null;
    path += `${gap ? "M" : "L"}${(i * step).toFixed(1)} ${(19 - (value / top) * 18).toFixed(1)}`;
  });
  return <svg className={styles.spark} data-state={state} width="80" height="20" viewBox="0 0 80 20" role="img" aria-label={label}><path d={path} fill="none" stroke="currentColor" strokeWidth="1.5" /></svg>;
}

/** One mark each, of a height that tells the state without its colour. */
export function Strip({ label, marks }: StripProps) {
  return (
    <ul className={styles.strip} aria-label={label}>
      {marks.map((mark) => (
        <li key={mark.at}><Tooltip label={mark.words} openDelay={0}><span className={styles.mark} data-state={mark.state}><span className="fw-only-read">{mark.words}</span></span></Tooltip></li>
      ))}
    </ul>
  );
}
