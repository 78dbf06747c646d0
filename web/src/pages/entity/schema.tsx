// SPDX-License-Identifier: Apache-2.0
// A JSON Schema as a tree. References within the document are followed when a branch is opened, so a schema that holds itself does no harm.
import { useState } from "react";
import styles from "./entity.module.css";

export type Node = Record<string, unknown>;
export const node = (value: unknown): Node => (value && typeof value === "object" && !Array.isArray(value) ? (value as Node) : {});
export const words = (value: unknown): string => (typeof value === "string" ? value : typeof value === "number" ? String(value) : "");
export const at = (value: Node, name: string): unknown => (Object.hasOwn(value, name) ? value[name] : undefined);

const HOPS_MAX = 8;
const DEPTH_MAX = 12;
const MEMBERS_MAX = 200;

/** Follows `$ref` to "#/…"; what leads elsewhere stays as it is. */
export function resolved(document: Node, value: unknown): Node {
  let current = node(value);
  for (let hop = 0; hop < HOPS_MAX; hop++) {
    const ref = words(at(current, "$ref"));
    if (!ref.startsWith("#/")) return current;
    let target: unknown = document;
    for (const part of ref.slice(2).split("/")) target = at(node(target), decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"));
    current = node(target);
  }
  return current;
}

function typeOf(schema: Node, document: Node): string {
  const type = Array.isArray(schema["type"]) ? schema["type"].join(" or ") : words(schema["type"]);
  if (type === "array") return `list of ${typeOf(resolved(document, schema["items"]), document) || "anything"}`;
  const form = words(schema["format"]);
  return [type || (schema["properties"] ? "object" : schema["enum"] ? "one of" : ""), form].filter(Boolean).join(", ");
}

function Member({ document, name, schema, required, depth }: { document: Node; name: string; schema: unknown; required: boolean; depth: number }) {
  const [open, setOpen] = useState(depth < 1);
  const here = resolved(document, schema);
  const items = resolved(document, here["items"]);
  const inner = here["properties"] || here["allOf"] || here["oneOf"] || here["anyOf"] ? here : items["properties"] || items["allOf"] ? items : null;
  const values = Array.isArray(here["enum"]) ? here["enum"].slice(0, 20).map(words).join(", ") : "";
  const head = <><code>{name}</code> <span className="fw-faint">{typeOf(here, document)}{required ? ", required" : ""}</span> {values && <code>{values}</code>} <span dir="auto">{words(here["description"])}</span></>;
  if (!inner || depth >= DEPTH_MAX) return <li>{head}</li>;
  return <li><details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}><summary>{head}</summary>{open && <Schema document={document} schema={inner} depth={depth + 1} />}</details></li>;
}

export function Schema({ document, schema, depth = 0 }: { document: Node; schema: unknown; depth?: number }) {
  const here = resolved(document, schema);
  const parts = ["allOf", "oneOf", "anyOf"].flatMap((name) => (Array.isArray(here[name]) ? here[name].slice(0, 20) : []));
  const items = here["type"] === "array" ? resolved(document, here["items"]) : null;
  const members = Object.entries(node(here["properties"])).slice(0, MEMBERS_MAX);
  const required = new Set(Array.isArray(here["required"]) ? here["required"].map(words) : []);
  if (items && depth < DEPTH_MAX) return <div><span className="fw-faint">A list of</span><Schema document={document} schema={items} depth={depth + 1} /></div>;
  return (
    <div>
      {members.length > 0 && <ul className={styles.schema}>{members.map(([name, value]) => <Member key={name} document={document} name={name} schema={value} required={required.has(name)} depth={depth} />)}</ul>}
      {depth < DEPTH_MAX && parts.map((part, i) => <Schema key={i} document={document} schema={part} depth={depth + 1} />)}
      {members.length === 0 && parts.length === 0 && <code>{typeOf(here, document) || "anything"}</code>}
    </div>
  );
}
