// SPDX-License-Identifier: Apache-2.0
// What is said of a kind of records; lists, pages and forms are made of it. Paths and members are those of the contract, so what is no
// longer in it does not build.
import type { ReactNode } from "react";
import type { Answer } from "../api";
import type { Column } from "../ui";
import type { paths } from "../schema";

/** Collections of records: GET answers pages of items with an id. */
export type Collection = {
  [P in keyof paths]: paths[P] extends { get: { responses: { 200: { content: { "application/json": { items: { id: string }[]; next_cursor: unknown } } } } } }
    ? (P extends `${string}{${string}` ? never : P) : never;
}[keyof paths];

export type RowOf<P extends Collection> = Answer<P> extends { items: (infer T)[] } ? T & { id: string } : never;

/** The name of what an id stands for; the short id until it is known. */
export type Names = (id: string | null | undefined) => string;

export type Values = Record<string, unknown>;

export interface InputProps {
  label: string;
  description?: string | undefined;
  required?: boolean;
  disabled?: boolean;
  error?: ReactNode;
  value: unknown;
  onChange: (value: unknown) => void;
}

interface FieldBase<T> {
  name: keyof T & string;
  label: string;
  description?: string;
  required?: boolean;
  /** Set when it is created, never changed. */
  fixed?: boolean;
  /** Left out unless this holds. */
  when?: (values: Values, editing: boolean) => boolean;
  /** What a new one has. */
  initial?: unknown;
}

export type Field<T> = FieldBase<T> & (
  | { input: "text" | "area" | "number" | "list" | "checkbox" | "time" | "json"; placeholder?: string }
  | { input: "select"; options: { value: string; label: string }[] }
  | { input: "record"; of: Collection; within?: (values: Values) => Record<string, string> }
  | { input: "own"; render: (props: InputProps, values: Values) => ReactNode }
);

export type Filter<T> = { name: keyof T & string; label: string } & (
  | { options: { value: string; label: string }[] }
  | { of: Collection }
  | { text: string }
);

export interface RecordKind<P extends Collection, T = RowOf<P>> {
  path: P;
  /** As permissions name it: "Team". */
  resource: string;
  one: string;
  many: string;
  /** Types of events that change it. */
  live: string[];
  /** Where its list is: "/admin/teams"; a record is at `<page>/<id>`. Without: records have no page of their own. */
  page?: string;
  name: (row: T, names: Names) => string;
  columns: (names: Names) => Column<T>[];
  /** Members that hold ids, and what of: their names are read with the page. */
  refs?: Partial<Record<keyof T & string, Collection>>;
  fields?: Field<T>[];
  /** Also read again every so many milliseconds, for what no event tells. */
  every?: number;
  /** Below the fields of its form: what comes of what is typed. */
  preview?: (values: Values) => ReactNode;
  /** Its form needs a wide drawer. */
  wide?: boolean;
  filters?: Filter<T>[];
  search?: boolean;
  sort?: string;
  can?: { create?: boolean; update?: boolean; delete?: boolean; restore?: boolean; history?: boolean };
  /** What goes with it when it is deleted. */
  loses?: string;
  /** Whether a row is not to be changed, and why. */
  locked?: (row: T) => string | undefined;
  empty: { title: string; text?: ReactNode; code?: string };
}

/** Says it: the type of the rows follows from the path. */
export function record<P extends Collection>(kind: RecordKind<P>): RecordKind<P> {
  return kind;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function shortId(id: string): string {
  return id.length > 13 ? `…${id.slice(-8)}` : id;
}
