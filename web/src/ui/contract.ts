// SPDX-License-Identifier: Apache-2.0
// What the components of the design system take. Every page is made of these and of Mantine's own inputs, buttons, menus
// and modals; `/ui` in development builds shows them in all their states.
import type { ReactNode } from "react";
import type { UseQueryResult } from "@tanstack/react-query";

/** The state of anything: always shown as a shape and a word besides its colour. */
export type State = "good" | "warn" | "bad" | "busy" | "unknown" | "paused";

export interface StatusProps {
  state: State;
  /** The word beside the shape; without it the shape alone is shown and `label` is read to those who cannot see it. */
  children?: ReactNode;
  label?: string;
}

/** A page: its crumbs, its one heading, at most one primary action, its content. Sets the title of the document. */
export interface PageProps {
  title: string;
  /** What stands before the title of the document, when it is not `title`. */
  documentTitle?: string;
  crumbs?: { label: string; to?: string }[];
  /** Beside the heading: status, kind. */
  mark?: ReactNode;
  /** One sentence or a row of facts below the heading. */
  lead?: ReactNode;
  actions?: ReactNode;
  /** Reading width of 72 characters. */
  narrow?: boolean;
  children: ReactNode;
}

/** A titled part of a page. It fails alone: what its children throw is shown here with a way to try again. */
export interface PanelProps {
  title?: ReactNode;
  /** The level of the heading, 2 unless given. */
  level?: 2 | 3;
  actions?: ReactNode;
  /** Without a border, for parts that hold a table or a plot of their own. */
  plain?: boolean;
  id?: string;
  children: ReactNode;
}

/** What a query gives: bones while it loads, its problem with "Try again", or the content. Old data stay shown while new ones load. */
export interface LoadedProps<T> {
  query: Pick<UseQueryResult<T, Error>, "data" | "error" | "isPending" | "refetch">;
  /** What is shown while nothing is there yet; `Bones` of five lines unless given. */
  bones?: ReactNode;
  /** Says that what was loaded is nothing; then `empty` is shown. */
  isEmpty?: (data: T) => boolean;
  empty?: ReactNode;
  children: (data: T) => ReactNode;
}

/** An empty state teaches: what belongs here and the file or command that puts it here. */
export interface EmptyProps {
  title: string;
  children?: ReactNode;
  /** A file or command, shown as code to copy. */
  code?: string;
  action?: ReactNode;
}

/** What went wrong, why, what to do; with the request's id to copy. */
export interface ProblemViewProps {
  error: unknown;
  retry?: () => void;
  /** One line, for the inside of tables and menus. */
  compact?: boolean;
}

export interface Column<T> {
  id: string;
  header: string;
  cell: (row: T) => ReactNode;
  /** The name the API sorts by; the header becomes a button. */
  sort?: string;
  align?: "start" | "end";
  /** CSS width, e.g. "12rem"; the first column takes what is left. */
  width?: string;
  /** May be hidden in narrow windows; 1 goes first. */
  priority?: 1 | 2 | 3;
}

export interface Sort {
  by: string;
  descending: boolean;
}

/** A table of up to some hundreds of rows. Rows are 40 px; it scrolls inside itself. `j`/`k` move, Enter opens, `x` selects. */
export interface DataTableProps<T> {
  /** What it is a table of, for screen readers. */
  label: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  /** Where a row leads; its first cell is a link already, this serves Enter and the middle of the row. */
  rowTo?: (row: T) => string | undefined;
  sort?: Sort | undefined;
  onSort?: (sort: Sort) => void;
  /** Keys of the selected rows; with it there is a column of check boxes. */
  selected?: ReadonlySet<string>;
  onSelect?: (selected: Set<string>) => void;
  /** Keys for the row under the cursor, e.g. `{ s: (row) => star(row) }`. */
  keys?: Record<string, (row: T) => void>;
  /** Rows under headings: the heading of a row. Rows come grouped already. */
  groupOf?: (row: T) => string;
  /** New rows are being loaded: bones when there are no rows, else the old ones faintly. */
  loading?: boolean;
  empty?: ReactNode;
  /** How many bones to show at first. */
  expected?: number;
}

/** The pages of a list by cursors: "101–200 of 7,000", earlier, later. */
export interface PagerProps {
  total?: number | undefined;
  /** Index of the first row shown, from 0, when it is known. */
  start?: number | undefined;
  shown: number;
  earlier?: (() => void) | undefined;
  later?: (() => void) | undefined;
}

/** Names and values, as a description list. Rows without a value are left out. */
export interface FactsProps {
  rows: [label: string, value: ReactNode][];
  columns?: 1 | 2;
}

/** A filter that is on, as a chip that can be taken off. */
export interface FilterChipProps {
  label: string;
  value: string;
  remove: () => void;
}

/** A button that opens the values of a facet with their counts, to tick; with a field to find one when they are many. */
export interface FacetMenuProps {
  label: string;
  /** Asked when the menu is opened. */
  values: { value: string; count: number; label?: string }[] | undefined;
  loading?: boolean;
  error?: unknown;
  picked: string[];
  onPick: (picked: string[]) => void;
  onOpen?: () => void;
}

export interface TabsProps {
  /** What they switch, for screen readers. */
  label: string;
  tabs: { to: string; label: string; count?: number; current: boolean }[];
}

/** Relative, "3 minutes ago", with the absolute on hover and focus; `at` is RFC 3339. */
export interface TimeProps {
  at: string | null | undefined;
  absolute?: boolean;
}

export interface EntityLinkProps {
  /** "component:default/rental", or a short form with the defaults below. */
  ref_: string;
  kind?: string;
  namespace?: string;
  /** Shown instead of the name. */
  title?: string | undefined;
  icon?: boolean;
}

export interface CodeProps {
  text: string;
  language?: "yaml" | "json" | "sh" | "graphql" | "proto" | "text";
  /** Line numbers; lines to mark, with what is said about them. */
  numbered?: boolean;
  marks?: { line: number; message: string; state: State }[];
  /** Height at which it scrolls, in lines. */
  lines?: number;
  label: string;
}

/** CodeMirror, loaded when first shown. */
export interface EditorProps {
  label: string;
  value: string;
  onChange?: (value: string) => void;
  language: "yaml" | "json" | "text";
  problems?: { line: number; column?: number; message: string }[];
  readOnly?: boolean;
  lines?: number;
}

/** Two texts, line by line; unchanged stretches are folded. */
export interface DiffProps {
  before: string;
  after: string;
  label: string;
  language?: "yaml" | "json" | "text";
}

/** Changes of fields, as before and after; what is secret comes masked already. */
export interface ChangesProps {
  changes: { path: string; before?: unknown; after?: unknown }[];
}

export interface TimelineEntry {
  id: string;
  at: string;
  title: ReactNode;
  by?: ReactNode;
  state?: State;
  details?: ReactNode;
  to?: string;
}

export interface TimelineProps {
  label: string;
  entries: TimelineEntry[];
  more?: (() => void) | undefined;
}

export interface LogLine {
  number: number;
  at?: string;
  level?: "debug" | "info" | "warning" | "error";
  text: string;
}

/** Lines with numbers to link to, search, follow; draws only what is seen. */
export interface LogViewProps {
  label: string;
  lines: LogLine[];
  following?: boolean;
}

export interface GraphNode {
  id: string;
  label: string;
  kind: string;
  state?: State;
  to?: string;
  /** The one it is about. */
  focus?: boolean;
  /** How many more hang on it that are not shown. */
  hidden?: number;
}

export interface GraphEdge {
  from: string;
  to: string;
  label: string;
}

/** Layered, left to right; pans, zooms, expands; loaded when first shown. Its twin is a table, chosen by a switch. */
export interface GraphProps {
  label: string;
  nodes: GraphNode[];
  edges: GraphEdge[];
  onExpand?: (id: string) => void;
  height?: number;
  /** More were left off than `nodes` has: says so. */
  truncated?: boolean;
}

export interface Series {
  name: string;
  /** One for each of the times; null where nothing is known. */
  values: (number | null)[];
  state?: State;
}

/** Lines or bars over time (uPlot), loaded when first shown; a summary in words and a table for screen readers. At most five series. */
export interface PlotProps {
  label: string;
  /** Seconds since 1970. */
  times: number[];
  series: Series[];
  unit: "percent" | "ms" | "bytes" | "count" | string;
  kind?: "line" | "bars" | "steps";
  height?: number;
  /** Quantities start at zero unless this is false. */
  zero?: boolean;
}

/** A small line without axes, for cells; `label` says it in words. */
export interface SparklineProps {
  values: (number | null)[];
  label: string;
  state?: State;
}

/** Strips of days or hours, one mark each: good, degraded, failed, unknown; a tooltip and a word for each. */
export interface StripProps {
  label: string;
  marks: { at: string; state: State; words: string }[];
}

export interface ConfirmProps {
  /** "Delete the key deploy?" */
  title: string;
  children?: ReactNode;
  /** The verb: "Delete the key". */
  action: string;
  danger?: boolean;
  /** Has to be typed, for what cannot be undone. */
  typed?: string;
}

/** A form that sends once, shows problems at their fields (from the API's `errors[].pointer`) and the rest above its button, and keeps
 *  what was typed when the session has ended: it asks to sign in again in a dialog and sends again. */
export interface FormProps<V extends Record<string, unknown>> {
  initial: V;
  /** Before anything is sent: problems by field. */
  check?: (values: V) => Partial<Record<keyof V, string>>;
  send: (values: V) => Promise<unknown>;
  onDone?: (answer: unknown) => void;
  action: string;
  cancel?: () => void;
  /** Leaving it with unsent changes is not asked about: a code, a password. */
  unguarded?: boolean;
  /** The inputs. `field("name")` gives what a Mantine input takes: value, onChange, error, disabled, name. */
  children: (form: FormHandle<V>) => ReactNode;
}

export interface FormHandle<V> {
  values: V;
  set: <K extends keyof V>(name: K, value: V[K]) => void;
  /* eslint-disable-next-line @typescript-eslint/no-explicit-any */
  field: (name: keyof V & string, kind?: "text" | "checkbox" | "number" | "select" | "list") => any;
  busy: boolean;
}

/** Markdown of a description: sanitized, links opened safely, no images from elsewhere. */
export interface MarkdownProps {
  text: string;
}
