// SPDX-License-Identifier: Apache-2.0
// The filtered set as a file: read page by page in the list's order, up to a bound.
import { ActionIcon, Menu } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useState } from "react";
import { call } from "../../api";
import { formatNumber, toast, toastProblem } from "../../ui";
import { asPredicate, textFields } from "./conditions";
import type { Question } from "./conditions";
import { plain } from "./plain";
import type { Entity } from "./plain";
import { FIELDS, rowOf } from "./row";
import { SORTS } from "./state";
import type { State } from "./state";

export const EXPORT_MAX = 10_000;
const STEP = 1000;

type Format = "csv" | "jsonl" | "yaml";

const FORMATS: { format: Format; label: string; type: string }[] = [
  { format: "csv", label: "As CSV, for a spreadsheet", type: "text/csv" },
  { format: "jsonl", label: "As JSON lines", type: "application/jsonl" },
  { format: "yaml", label: "As YAML, to import", type: "application/yaml" },
];

export function save(name: string, type: string, parts: string[]): void {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

const COLUMNS = ["kind", "namespace", "name", "title", "owner", "type", "lifecycle", "system", "tags", "email", "description"] as const;

/** Quoted where needed; what a spreadsheet would take for a formula is kept a text. */
function cell(value: string): string {
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvLine(entity: unknown): string {
  const row = rowOf(entity);
  return `${COLUMNS.map((column) => cell(column === "tags" ? row.tags.join(" ") : row[column])).join(",")}\r\n`;
}

async function read(question: Question, state: State, format: Format): Promise<{ parts: string[]; count: number; total: number }> {
  const fields = format === "csv" ? { fields: FIELDS } : {};
  const stringify = format === "yaml" ? (await import("yaml")).stringify : undefined;
  const line = (entity: Entity) => (stringify ? `---\n${stringify(plain(entity), { aliasDuplicateObjects: false })}` : format === "csv" ? csvLine(entity) : `${JSON.stringify(entity)}\n`);
  const parts = format === "csv" ? [`\uFEFF${COLUMNS.join(",")}\r\n`] : [];
  let count = 0;
  let total = 0;
  let cursor: string | undefined;
  do {
    const first = {
      query: asPredicate(question) as never, orderBy: [{ field: SORTS[state.sort.by] ?? "metadata.name", order: state.sort.descending ? "desc" as const : "asc" as const }],
      ...(question.text ? { fullTextFilter: { term: question.text, fields: textFields(state.kind) } } : {}),
    };
    const { data } = await call("post", "/api/catalog/entities/by-query", { body: { ...(cursor ? { cursor } : first), ...fields, limit: Math.min(STEP, EXPORT_MAX - count) } });
    for (const entity of data.items) parts.push(line(entity as Entity));
    count += data.items.length;
    total = data.totalItems;
    cursor = data.items.length > 0 ? data.pageInfo.nextCursor : undefined;
  } while (cursor && count < EXPORT_MAX);
  return { parts, count, total };
}

export function ExportMenu({ question, state }: { question: Question | undefined; state: State }) {
  const [busy, setBusy] = useState(false);
  const run = async (format: Format, type: string) => {
    if (!question) return;
    setBusy(true);
    try {
      const { parts, count, total } = await read(question, state, format);
      save(`catalog.${format}`, type, parts);
      if (count < total) toast(`These are the first ${formatNumber(count)} of ${formatNumber(total)}: filter more to have the rest.`, { state: "warn" });
    } catch (cause) {
      toastProblem(cause);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Menu withinPortal={false}>
      <Menu.Target>
        <ActionIcon size={30} variant="default" aria-label="Export what is listed" loading={busy}><IconDownload size={16} aria-hidden="true" /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {FORMATS.map(({ format, label, type }) => <Menu.Item key={format} onClick={() => void run(format, type)}>{label}</Menu.Item>)}
      </Menu.Dropdown>
    </Menu>
  );
}
