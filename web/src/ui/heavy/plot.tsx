// SPDX-License-Identifier: Apache-2.0
// Lines, bars or steps over time, drawn by uPlot in the colours of the theme; in words, and as a table, for those who do not see it.
import { useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { Button } from "@mantine/core";
import { useScheme } from "../../app/appearance";
import type { PlotProps, Series, State } from "../contract";
import { formatBytes, formatDuration, formatNumber, formatPercent } from "../values";
import styles from "./plot.module.css";

const SERIES_MAX = 5;
const STATES: Record<State, string> = { good: "--fw-good", warn: "--fw-warn", bad: "--fw-bad", busy: "--fw-busy", unknown: "--fw-none", paused: "--fw-none" };
const OTHERS = ["--fw-sea", "--fw-busy", "--fw-warn", "--fw-good", "--fw-none"];
const DASHES = [[], [6, 3], [2, 3], [10, 3, 2, 3], [1, 2]];

function formatter(unit: string): (value: number) => string {
  if (unit === "percent") return formatPercent;
  if (unit === "ms") return formatDuration;
  if (unit === "bytes") return formatBytes;
  return unit === "count" ? formatNumber : (value) => `${formatNumber(value)} ${unit}`;
}

function summary(series: Series, format: (value: number) => string): string {
  const known = series.values.filter((value): value is number => value !== null);
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined) return `${series.name}: no values.`;
  return `${series.name}: from ${format(first)} to ${format(last)}, lowest ${format(Math.min(...known))}, highest ${format(Math.max(...known))}.`;
}

export default function Plot({ label, times, series, unit, kind = "line", height = 200, zero = true }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const scheme = useScheme();
  const [table, setTable] = useState(false);
  const format = useMemo(() => formatter(unit), [unit]);
  const drawn = useMemo(() => series.slice(0, SERIES_MAX), [series]);

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--fw-faint"), grid: { stroke: colour("--fw-line"), width: 1 }, ticks: { show: false }, font: "12px Inter" };
    const paths = kind === "bars" ? uPlot.paths.bars?.({ size: [0.7, 24] }) : kind === "steps" ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
    const plot = new uPlot({
      width: element.clientWidth, height,
      cursor: { y: false }, legend: { show: true, live: true },
      scales: { y: { range: (_, low, high) => { const top = high > (zero ? 0 : low) ? high : (zero ? 1 : low + 1); return [zero ? Math.min(0, low) : low, unit === "percent" && top <= 1 && top > 0.95 ? 1 : top * 1.05]; } } },
      axes: [axis, { ...axis, size: 64, values: (_, values) => values.map(format) }],
      series: [
        { label: "Time", value: (_, at) => (at ? new Date(at * 1000).toLocaleString("en-GB") : "") },
        ...drawn.map((one, i): uPlot.Series => {
          const stroke = colour(one.state ? STATES[one.state] : (OTHERS[i] ?? "--fw-sea"));
          return { label: one.name, stroke, width: 1.5, dash: kind === "line" ? (DASHES[i] ?? []) : [], ...(kind === "bars" ? { fill: stroke } : {}), ...(paths ? { paths } : {}), value: (_, value) => (value === null || value === undefined ? "–" : format(value)), points: { show: times.length < 40 } };
        }),
      ],
    }, [times, ...drawn.map((one) => one.values)] as uPlot.AlignedData, element);
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [times, drawn, kind, height, unit, zero, format, scheme]);

  return (
    <figure className={styles.plot} aria-label={label}>
      <div ref={place} aria-hidden="true" />
      <figcaption>
        <span className="fw-only-read">{drawn.map((one) => summary(one, format)).join(" ")}</span>
        <Button size="compact-xs" variant="subtle" color="gray" aria-expanded={table} onClick={() => setTable(!table)}>{table ? "Hide the values" : "Show the values"}</Button>
      </figcaption>
      {table && (
        <div className={styles.values} tabIndex={0} role="region" aria-label={`${label}: values`}>
          <table>
            <thead><tr><th scope="col">Time</th>{drawn.map((one) => <th key={one.name} scope="col">{one.name}</th>)}</tr></thead>
            <tbody>
              {times.slice(-500).map((at, row) => {
                const i = Math.max(0, times.length - 500) + row;
                return <tr key={at}><th scope="row">{new Date(at * 1000).toLocaleString("en-GB")}</th>{drawn.map((one) => { const value = one.values[i]; return <td key={one.name}>{value === null || value === undefined ? "–" : format(value)}</td>; })}</tr>;
              })}
            </tbody>
          </table>
        </div>
      )}
    </figure>
  );
}
