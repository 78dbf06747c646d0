// SPDX-License-Identifier: Apache-2.0
// The table of every list. Rows are of one height, so nothing moves while they load; the cursor and the selection are kept by key, so live
// changes do not take them away.
import { Checkbox } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconArrowsSort } from "@tabler/icons-react";
import { Fragment, useEffect, useMemo, useRef, useState } from "react";
import type { MouseEvent, ReactNode } from "react";
import { useGo } from "../app/address";
import { useKeys } from "../app/keys";
import type { Column, DataTableProps, Sort } from "./contract";
import styles from "./table.module.css";

function HeaderCell<T>({ column, sort, onSort }: { column: Column<T>; sort?: Sort | undefined; onSort?: ((sort: Sort) => void) | undefined }) {
  const by = column.sort;
  const current = by !== undefined && sort?.by === by;
  const Icon = !current ? IconArrowsSort : sort.descending ? IconArrowDown : IconArrowUp;
  return (
    <th scope="col" data-priority={column.priority} data-align={column.align} aria-sort={current ? (sort.descending ? "descending" : "ascending") : undefined}>
      {by !== undefined && onSort
        ? <button type="button" className={styles.sort} data-current={current || undefined} onClick={() => onSort({ by, descending: current && !sort.descending })}>{column.header}<Icon size={13} aria-hidden="true" /></button>
        : column.header || <span className="fw-only-read">{column.id}</span>}
    </th>
  );
}

/** Keys of rows that came while the table was shown: their background fades once. */
function useFresh(keys: string[], label: string): ReadonlySet<string> {
  const known = useRef<{ label: string; keys: Set<string> } | null>(null);
  const fresh = useRef<Set<string>>(new Set());
  const joined = keys.join("\n");
  return useMemo(() => {
    const before = known.current;
    const overlap = before !== null && before.label === label && keys.some((key) => before.keys.has(key));
    fresh.current = new Set(overlap ? keys.filter((key) => !before.keys.has(key)) : []);
    if (fresh.current.size > keys.length / 4) fresh.current = new Set(); // another page, not news
    if (keys.length > 0) known.current = { label, keys: new Set(keys) };
    return fresh.current;
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [joined, label]);
}

export function DataTable<T>(props: DataTableProps<T>) {
  const { label, columns, rows, rowKey, rowTo, sort, onSort, selected, onSelect, keys = {}, groupOf, loading, empty, expected = 8 } = props;
  const go = useGo();
  const body = useRef<HTMLTableSectionElement>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const lastPicked = useRef<string | null>(null);
  const rowKeys = rows.map(rowKey);
  const fresh = useFresh(rowKeys, label);
  const at = cursor === null ? -1 : rowKeys.indexOf(cursor);
  const current = at >= 0 ? rows[at] : undefined;

  const move = (by: number) => {
    const next = rowKeys[Math.max(0, Math.min(rows.length - 1, at + by))];
    if (next === undefined) return;
    setCursor(next);
    const row = body.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(next)}"]`);
    row?.scrollIntoView({ block: "nearest" });
    (row?.querySelector<HTMLElement>("a") ?? row?.querySelector<HTMLElement>("button, input"))?.focus({ preventScroll: true });
  };
  const pick = (key: string, range: boolean) => {
    if (!onSelect) return;
    const next = new Set(selected);
    const from = range && lastPicked.current !== null ? rowKeys.indexOf(lastPicked.current) : -1;
    const to = rowKeys.indexOf(key);
    const on = !next.has(key);
    const touched = from >= 0 ? rowKeys.slice(Math.min(from, to), Math.max(from, to) + 1) : [key];
    for (const one of touched) if (on) next.add(one); else next.delete(one);
    lastPicked.current = key;
    onSelect(next);
  };
  const bound: Record<string, (event: KeyboardEvent) => void> = {
    j: () => move(at < 0 ? 1 + at : 1), k: () => move(-1), ArrowDown: () => move(at < 0 ? 1 + at : 1), ArrowUp: () => move(-1),
    ...(onSelect ? { x: (event: KeyboardEvent) => { if (cursor !== null && at >= 0) pick(cursor, event.shiftKey); } } : {}),
    ...Object.fromEntries(Object.entries(keys).map(([key, does]) => [key, () => { if (current) does(current); }])),
  };
  useKeys(bound, [{ keys: "j k", does: "Next row, row before" }, { keys: "Enter", does: "Open the row" }, ...(onSelect ? [{ keys: "x", does: "Select the row" }] : [])]);

  useEffect(() => {
    if (cursor !== null && rows.length > 0 && at < 0) setCursor(null);
  }, [cursor, rows.length, at]);

  const click = (event: MouseEvent, row: T) => {
    setCursor(rowKey(row));
    const to = rowTo?.(row);
    if (!to || (event.target as Element).closest("a, button, input, label, select, [role=button], [role=menu], [data-portal]") || String(getSelection())) return;
    go(to);
  };

  if (rows.length === 0 && !loading) return <>{empty ?? <p className="fw-faint">There is nothing.</p>}</>;
  const all = rowKeys.length > 0 && rowKeys.every((key) => selected?.has(key));
  const some = !all && rowKeys.some((key) => selected?.has(key));
  let group: string | undefined;
  return (
    <div className={styles.region} role="region" aria-label={label} tabIndex={0} aria-busy={loading || undefined}>
      <table className={styles.table} aria-label={label} data-loading={(loading && rows.length > 0) || undefined}>
        <colgroup>
          {onSelect && <col style={{ width: 40 }} />}
          {columns.map((column) => <col key={column.id} data-priority={column.priority} style={column.width ? { width: column.width } : undefined} />)}
        </colgroup>
        <thead>
          <tr>
            {onSelect && (
              <th scope="col"><Checkbox size="xs" aria-label={all ? "Select none" : "Select all that are shown"} checked={all} indeterminate={some}
                onChange={() => onSelect(all ? new Set([...(selected ?? [])].filter((key) => !rowKeys.includes(key))) : new Set([...(selected ?? []), ...rowKeys]))} /></th>
            )}
            {columns.map((column) => <HeaderCell key={column.id} column={column} sort={sort} onSort={onSort} />)}
          </tr>
        </thead>
        <tbody ref={body}>
          {rows.length === 0 && Array.from({ length: expected }, (_, i) => (
            <tr key={i} className={styles.bones} aria-hidden="true">
              {onSelect && <td />}
              {columns.map((column, c) => <td key={column.id} data-priority={column.priority}><span data-width={(i + c) % 4} /></td>)}
            </tr>
          ))}
          {rows.map((row, i) => {
            const key = rowKeys[i] ?? "";
            const heading = groupOf?.(row);
            const opens = heading !== undefined && heading !== group;
            group = heading;
            const cells: ReactNode = columns.map((column, c) => {
              const inner = column.cell(row);
              return c === 0 ? <th key={column.id} scope="row">{inner}</th> : <td key={column.id} data-priority={column.priority} data-align={column.align}>{inner}</td>;
            });
            return <Fragment key={key}>
              {opens && <tr className={styles.group}><th scope="colgroup" colSpan={columns.length + (onSelect ? 1 : 0)} dir="auto">{heading}</th></tr>}
              <tr data-key={key} data-cursor={key === cursor || undefined} data-fresh={fresh.has(key) || undefined} data-selected={selected?.has(key) || undefined}
                data-opens={rowTo?.(row) !== undefined || undefined} onClick={(event) => click(event, row)} onFocus={() => setCursor(key)}>
                {onSelect && (
                  <td><Checkbox size="xs" aria-label={`Select ${key}`} checked={selected?.has(key) ?? false}
                    onChange={(event) => pick(key, (event.nativeEvent as unknown as { shiftKey?: boolean }).shiftKey === true)} /></td>
                )}
                {cells}
              </tr>
            </Fragment>;
          })}
        </tbody>
      </table>
      <span className="fw-only-read" role="status">{loading ? "Loading" : selected && selected.size > 0 ? `${selected.size} selected` : ""}</span>
    </div>
  );
}
