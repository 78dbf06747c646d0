// SPDX-License-Identifier: Apache-2.0
// What a form holds, made of a record and back: texts for times and JSON, "" for what has no value.
import { same } from "./changes";
import type { Field, Values } from "./kind";

/** A time as `datetime-local` inputs have it, in the reader's time zone. */
export function localTime(at: unknown): string {
  if (typeof at !== "string" || at === "") return "";
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return "";
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** RFC 3339 of a local time. */
export function instant(local: unknown): string | undefined {
  const time = typeof local === "string" && local !== "" ? new Date(local) : undefined;
  return time && !Number.isNaN(time.getTime()) ? time.toISOString() : undefined;
}

export function toForm<T>(fields: Field<T>[], row: Values | undefined): Values {
  return Object.fromEntries(fields.map((field) => {
    const value = row ? row[field.name] : field.initial;
    if (field.input === "time") return [field.name, localTime(value)];
    if (field.input === "json") return [field.name, value === undefined || value === null ? "" : JSON.stringify(value, null, 2)];
    if (field.input === "checkbox") return [field.name, value ?? false];
    if (field.input === "list") return [field.name, value ?? []];
    if (field.input === "select" || field.input === "record") return [field.name, value ?? null];
    return [field.name, value ?? ""];
  }));
}

/** undefined: without a value. */
function sent<T>(field: Field<T>, value: unknown): unknown {
  if (value === "" || value === null || value === undefined) return undefined;
  if (field.input === "time") return instant(value);
  if (field.input === "json") return JSON.parse(String(value)) as unknown;
  if (field.input === "list" && Array.isArray(value) && value.length === 0) return undefined;
  return typeof value === "string" && field.input !== "select" ? value.trim() || undefined : value;
}

const shown = <T>(fields: Field<T>[], values: Values, editing: boolean) => fields.filter((field) => field.when?.(values, editing) ?? true);

export function check<T>(fields: Field<T>[], values: Values, editing: boolean): Record<string, string> {
  const wrong: Record<string, string> = {};
  for (const field of shown(fields, values, editing)) {
    const value = values[field.name];
    const isEmpty = value === "" || value === null || value === undefined || (Array.isArray(value) && value.length === 0) || (typeof value === "string" && value.trim() === "");
    if (field.required && isEmpty) wrong[field.name] = field.input === "select" || field.input === "record" ? "Choose one." : "This is needed.";
    else if (field.input === "json" && !isEmpty) {
      try {
        JSON.parse(String(value));
      } catch (cause) {
        wrong[field.name] = `This is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`;
      }
    } else if (field.input === "time" && !isEmpty && !instant(value)) wrong[field.name] = "Give a date and a time.";
  }
  return wrong;
}

/** The body that creates. */
export function toBody<T>(fields: Field<T>[], values: Values): Values {
  const body: Values = {};
  for (const field of shown(fields, values, false)) {
    const value = sent(field, values[field.name]);
    if (value !== undefined) body[field.name] = value;
  }
  return body;
}

/** The merge patch: what differs from how the form began; null clears. */
export function toPatch<T>(fields: Field<T>[], began: Values, values: Values): Values {
  const patch: Values = {};
  for (const field of shown(fields, values, true)) {
    if (field.fixed || same(began[field.name], values[field.name])) continue;
    const next = sent(field, values[field.name]);
    patch[field.name] = next === undefined ? null : field.input === "json" ? mergeOf(sent(field, began[field.name]), next) : next;
  }
  return patch;
}

/** A merge patch of structures: members that are gone become null. */
function mergeOf(before: unknown, after: unknown): unknown {
  const isPlain = (value: unknown): value is Values => typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isPlain(before) || !isPlain(after)) return after;
  const patch: Values = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!(name in after)) patch[name] = null;
    else if (!same(before[name], after[name])) patch[name] = mergeOf(before[name], after[name]);
  }
  return patch;
}
