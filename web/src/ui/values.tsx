// SPDX-License-Identifier: Apache-2.0
// Single values as people read them: references, times, tags, numbers; and what is copied.
import { ActionIcon, Tooltip } from "@mantine/core";
import {
  IconApi, IconBox, IconBrain, IconBuildingCommunity, IconCheck, IconComponents, IconCopy, IconDatabase, IconMapPin, IconPuzzle, IconTemplate, IconTopologyStar3, IconUser, IconUsersGroup,
} from "@tabler/icons-react";
import { useState, useSyncExternalStore } from "react";
import type { ReactNode } from "react";
import type { EntityLinkProps, FactsProps, TimeProps } from "./contract";
import { Link } from "./link";
import styles from "./values.module.css";

export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    } catch {
      setDone(false); // not allowed here: the text can be selected
    }
  };
  return (
    <>
      <Tooltip label={done ? "Copied" : label}>
        <ActionIcon size={24} aria-label={label} onClick={(event) => { event.preventDefault(); event.stopPropagation(); void copy(); }}>
          {done ? <IconCheck size={14} /> : <IconCopy size={14} />}
        </ActionIcon>
      </Tooltip>
      <span className="fw-only-read" role="status">{done ? "Copied" : ""}</span>
    </>
  );
}

// ---- references

export interface Ref {
  kind: string;
  namespace: string;
  name: string;
}

/** "kind:namespace/name"; what is left out gets the defaults. */
export function parseRef(text: string, defaults: { kind?: string; namespace?: string } = {}): Ref {
  const slash = text.indexOf("/");
  const colon = text.indexOf(":");
  const hasKind = colon > 0 && (slash < 0 || colon < slash);
  const rest = hasKind ? text.slice(colon + 1) : text;
  const at = rest.indexOf("/");
  return {
    kind: hasKind ? text.slice(0, colon) : (defaults.kind ?? "component"),
    namespace: at > 0 ? rest.slice(0, at) : (defaults.namespace ?? "default"),
    name: at >= 0 ? rest.slice(at + 1) : rest,
  };
}

export function refOf(kind: string, namespace: string, name: string): string {
  return `${kind}:${namespace}/${name}`.toLowerCase();
}

/** The address of an entity's page; from a reference or its parts. */
export function entityPath(entity: string | Ref): string {
  const { kind, namespace, name } = typeof entity === "string" ? parseRef(entity) : entity;
  return `/catalog/${[namespace, kind, name].map((part) => encodeURIComponent(part.toLowerCase())).join("/")}`;
}

const KIND_ICONS: Record<string, typeof IconBox> = {
  component: IconComponents, api: IconApi, resource: IconDatabase, system: IconTopologyStar3, domain: IconBuildingCommunity, group: IconUsersGroup, user: IconUser,
  template: IconTemplate, location: IconMapPin, airesource: IconBrain, entity: IconBox,
};

export function KindIcon({ kind, size = 16 }: { kind: string; size?: number }) {
  const Icon = KIND_ICONS[kind.toLowerCase()] ?? IconPuzzle;
  return <Icon size={size} stroke={1.6} className={styles.kind} role="img" aria-label={kind} />;
}

export function EntityLink({ ref_, kind, namespace, title, icon }: EntityLinkProps) {
  const ref = parseRef(ref_, { ...(kind ? { kind } : {}), ...(namespace ? { namespace } : {}) });
  const away = ref.namespace !== "default" && ref.namespace !== (namespace ?? "default");
  return (
    <Link to={entityPath(ref)} className={styles.entity} title={refOf(ref.kind, ref.namespace, ref.name)}>
      {icon && <KindIcon kind={ref.kind} />}
      <span dir="auto">{away && !title ? `${ref.namespace}/` : ""}{title ?? ref.name}</span>
    </Link>
  );
}

// ---- names and values

export function Facts({ rows, columns = 1 }: FactsProps) {
  const shown = rows.filter(([, value]) => value !== null && value !== undefined && value !== false && value !== "");
  return (
    <dl className={styles.facts} data-columns={columns}>
      {shown.map(([label, value]) => <div key={label} className={styles.fact}><dt>{label}</dt><dd dir={typeof value === "string" ? "auto" : undefined}>{value}</dd></div>)}
    </dl>
  );
}

/** Tags in the order given; more than `most` are counted. */
export function Tags({ tags: given, most = 12, to }: { tags: readonly string[]; most?: number; to?: (tag: string) => string }): ReactNode {
  const tags = [...new Set(given)]; // people write one twice
  if (tags.length === 0) return null;
  return (
    <span className={styles.tags}>
      {tags.slice(0, most).map((tag) => (to ? <Link key={tag} to={to(tag)} className={styles.tag} dir="auto">{tag}</Link> : <span key={tag} className={styles.tag} dir="auto">{tag}</span>))}
      {tags.length > most && <span className="fw-faint" title={tags.slice(most).join(", ")}>{tags.length - most} more</span>}
    </span>
  );
}

// ---- time

let now = Date.now();
const tickers = new Set<() => void>();
setInterval(() => {
  now = Date.now();
  for (const ticker of tickers) ticker();
}, 15_000);

function useNow(): number {
  return useSyncExternalStore((ticker) => {
    tickers.add(ticker);
    return () => tickers.delete(ticker);
  }, () => now);
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const absolute = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [["year", 31_557_600], ["month", 2_629_800], ["week", 604_800], ["day", 86_400], ["hour", 3600], ["minute", 60]];

export function relativeTime(at: number, from: number): string {
  const seconds = (at - from) / 1000;
  const unit = UNITS.find(([, length]) => Math.abs(seconds) >= length);
  return unit ? relative.format(Math.round(seconds / unit[1]), unit[0]) : Math.abs(seconds) < 45 ? "just now" : relative.format(Math.round(seconds / 60), "minute");
}

export function Time({ at, absolute: isAbsolute }: TimeProps) {
  const from = useNow();
  const time = at ? Date.parse(at) : NaN;
  if (Number.isNaN(time)) return <span className="fw-faint">never</span>;
  const exact = absolute.format(time);
  return <time dateTime={at ?? ""} title={exact} className={styles.time}>{isAbsolute ? exact : relativeTime(time, Math.max(from, Date.now() - 15_000))}</time>;
}

// ---- numbers

const integer = new Intl.NumberFormat("en");
export function formatNumber(value: number): string {
  return integer.format(value);
}

/** Bytes, in powers of 1,024: "1.4 MiB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Milliseconds: "340 ms", "2.5 s", "3 min 20 s", "2 h 5 min", "4 d 3 h". */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const parts: [number, string][] = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], [1000, "s"]];
  const first = parts.findIndex(([length]) => ms >= length);
  return parts.slice(first, first + 2).map(([length, unit], i) => [Math.floor((i === 0 ? ms : ms % (parts[first]?.[0] ?? 1)) / length), unit] as const)
    .filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`).join(" ");
}

/** A share of 1: "99.95 %". */
export function formatPercent(share: number): string {
  const percent = share * 100;
  return `${percent === 100 || percent === 0 ? percent : percent > 99 ? percent.toFixed(2) : percent.toFixed(1)} %`;
}
