// SPDX-License-Identifier: Apache-2.0
// A text of entities, document by document, with the places of what is wrong in it.
import { LineCounter, isMap, isScalar, parseAllDocuments } from "yaml";
import type { Document, Node } from "yaml";
import { Problem, call } from "../../api";
import type { Entity } from "../catalog/plain";

export const TEXT_MAX = 1_000_000;
export const DOCUMENTS_MAX = 500;
const AT_ONCE = 4;

export interface Trouble {
  line: number;
  column: number;
  message: string;
}

export interface Found {
  entity: Entity;
  line: number;
}

export interface Reading {
  found: Found[];
  problems: Trouble[];
}

interface Parsed {
  found: (Found & { document: Document.Parsed })[];
  problems: Trouble[];
  counter: LineCounter;
}

function parse(text: string): Parsed {
  const counter = new LineCounter();
  const parsed: Parsed = { found: [], problems: [], counter };
  const add = (offset: number, message: string) => {
    const { line, col } = counter.linePos(offset);
    parsed.problems.push({ line: Math.max(1, line), column: Math.max(1, col), message });
  };
  const read = parseAllDocuments(text, { lineCounter: counter, prettyErrors: false });
  const documents = Array.isArray(read) ? read : [];
  if (documents.length > DOCUMENTS_MAX) add(0, `These are ${documents.length} documents; at most ${DOCUMENTS_MAX} are taken at once. Split the text, or use “fairway catalog import”.`);
  for (const document of documents.slice(0, DOCUMENTS_MAX)) {
    for (const error of document.errors) add(error.pos[0], error.message);
    if (document.errors.length > 0) continue;
    const start = document.contents?.range?.[0] ?? document.range[0];
    try {
      const value: unknown = document.toJS({ maxAliasCount: 100 });
      if (value === null || value === undefined) continue;
      if (typeof value !== "object" || Array.isArray(value)) {
        add(start, "An entity is an object: apiVersion, kind, metadata, spec.");
        continue;
      }
      parsed.found.push({ entity: value as Entity, line: counter.linePos(start).line, document });
    } catch (cause) {
      add(start, cause instanceof Error ? cause.message : String(cause));
    }
  }
  return parsed;
}

/** What the server says: its deepest cause, without the link to a manual. */
export function reason(message: string): string {
  return (message.split(/caused by \w*Error: /).at(-1) ?? message).replace(/ To learn more about .*$/s, "").trim();
}

/** The field that a message speaks of: "/spec/type must …" or "\"metadata.name\" is not valid". */
function pathIn(message: string): string[] {
  const pointer = /^(\/\S+) must/.exec(message)?.[1];
  if (pointer) return pointer.slice(1).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return /^"([\w.$/-]+)" is not/.exec(message)?.[1]?.split(".") ?? [];
}

/** Where a field stands; of one that is missing the nearest thing that should hold it. */
function offsetOf(document: Document.Parsed, path: string[]): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === part);
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else {
      const item = (node as { items?: unknown[] } | null)?.items?.[Number(part)] as Node | undefined;
      if (!item) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    }
  }
  return offset;
}

async function validate(entity: Entity, signal: AbortSignal): Promise<string> {
  try {
    await call("post", "/api/catalog/validate-entity", { body: { location: "url:https://localhost/catalog-info.yaml", entity: entity as never }, signal });
    return "";
  } catch (cause) {
    if (cause instanceof Problem && cause.status === 400) return reason(cause.message);
    throw cause;
  }
}

/** Reads a text and has the server check each document. */
export async function readText(text: string, signal: AbortSignal): Promise<Reading> {
  const { found, problems, counter } = parse(text);
  const waiting = [...found];
  const good = new Set<Found>();
  const work = async () => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const message = await validate(one.entity, signal);
      if (message === "") good.add(one);
      else {
        const { line, col } = counter.linePos(offsetOf(one.document, pathIn(message)));
        problems.push({ line, column: col, message });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  return { found: found.filter((one) => good.has(one)).map(({ entity, line }) => ({ entity, line })), problems };
}
