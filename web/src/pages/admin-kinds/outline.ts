// SPDX-License-Identifier: Apache-2.0
// What a JSON Schema says, as rows for people, and an entity that begins as it wants.

export interface Row {
  path: string;
  type: string;
  required: boolean;
  words: string;
}

type Schema = Record<string, unknown>;
const MOST = 200;
const DEEPEST = 6;

const isPlain = (value: unknown): value is Schema => typeof value === "object" && value !== null && !Array.isArray(value);

function typeOf(schema: Schema): string {
  if (Array.isArray(schema["enum"])) return schema["enum"].slice(0, 6).map((one) => JSON.stringify(one)).join(" | ");
  const type = Array.isArray(schema["type"]) ? schema["type"].join(" | ") : typeof schema["type"] === "string" ? schema["type"] : isPlain(schema["properties"]) ? "object" : "any";
  return type === "array" && isPlain(schema["items"]) ? `list of ${typeOf(schema["items"])}` : type;
}

function walk(schema: Schema, path: string, depth: number, rows: Row[]): void {
  const needed = Array.isArray(schema["required"]) ? schema["required"] : [];
  if (depth > DEEPEST || !isPlain(schema["properties"])) return;
  for (const [name, inner] of Object.entries(schema["properties"])) {
    if (rows.length >= MOST) return;
    if (!isPlain(inner)) continue;
    const at = path ? `${path}.${name}` : name;
    rows.push({ path: at, type: typeOf(inner), required: needed.includes(name), words: String(inner["description"] ?? "") });
    walk(inner, at, depth + 1, rows);
    if (isPlain(inner["items"])) walk(inner["items"], `${at}[]`, depth + 1, rows);
  }
}

export function outlineOf(schema: unknown): Row[] {
  const rows: Row[] = [];
  if (isPlain(schema)) walk(schema, "", 0, rows);
  return rows;
}

const EMPTY: Record<string, string> = { string: "…", integer: "0", number: "0", boolean: "false", object: "{}", any: "…" };

function spec(rows: Row[]): string[] {
  return rows.filter((row) => row.required && /^spec\.[^.[\]]+$/.test(row.path)).map((row) => `  ${row.path.slice(5)}: ${row.type.startsWith("list") ? "[]" : (EMPTY[row.type] ?? row.type.split(" | ")[0] ?? "…")}`);
}

/** The YAML of an entity of the kind, with what it needs. */
export function beginningOf(name: string, apiVersions: string[], schema: unknown): string {
  const lines = spec(outlineOf(schema));
  return [`apiVersion: ${apiVersions[0] ?? "example.com/v1"}`, `kind: ${name || "Kind"}`, "metadata:", "  name: my-first", ...(lines.length > 0 ? ["spec:", ...lines] : ["spec: {}"])].join("\n");
}

export function parsed(text: unknown): unknown {
  try {
    return typeof text === "string" && text.trim() ? (JSON.parse(text) as unknown) : undefined;
  } catch {
    return undefined;
  }
}
