// SPDX-License-Identifier: Apache-2.0
// A table of records: a page from the server, sorted there, with what is selected and what can be done with it.
import { Button } from "@mantine/core";
import { useEffect, useState } from "react";
import type { ReactNode } from "react";
import { again, asProblem } from "../api";
import { useAddress } from "../app/address";
import { DataTable, Empty, Pager, ProblemView, Status, Time, confirm, toast, toastProblem } from "../ui";
import type { Column, Sort } from "../ui";
import { usePermissions } from "../app/permissions";
import { deleteRecord, idsOf, restoreRecord, useNames, useRecords } from "./api";
import { DeniedOr, isDenied } from "./denied";
import type { Collection, RecordKind, RowOf, Values } from "./kind";
import { usePaging } from "./paging";
import styles from "./records.module.css";

const PAGE = 50;
const AT_ONCE = 4;

function sortOf(text: string | undefined): Sort | undefined {
  return text ? { by: text.replace(/^-/, ""), descending: text.startsWith("-") } : undefined;
}

/** What the address asks of the list. */
function useAsked<P extends Collection>(kind: RecordKind<P>, fixed: Record<string, string>) {
  const { query, setQuery } = useAddress();
  const paging = usePaging();
  const sort = query.get("sort") ?? kind.sort;
  const filters = Object.fromEntries((kind.filters ?? []).flatMap(({ name }) => {
    const values = query.getAll(name);
    return values.length > 0 ? [[name, values]] : [];
  }));
  const q = kind.search ? query.get("q") : null;
  return {
    paging,
    sort: sortOf(sort),
    onSort: (next: Sort) => setQuery({ sort: `${next.descending ? "-" : ""}${next.by}`, cursor: null, row: null }),
    isFiltered: Object.keys(filters).length > 0 || Boolean(q),
    clear: () => setQuery({ ...Object.fromEntries((kind.filters ?? []).map(({ name }) => [name, null])), q: null, cursor: null, row: null }),
    ask: {
      limit: PAGE, total: true, ...filters, ...fixed, ...(q ? { q } : {}), ...(sort ? { sort: [sort] } : {}), ...(paging.cursor ? { cursor: paging.cursor } : {}),
      ...(query.get("deleted") !== null && kind.can?.restore ? { include_deleted: true } : {}),
    },
  };
}

const deletedAt = (row: unknown) => (row as { deleted_at?: string | null }).deleted_at;

/** Runs something for each, a few at a time; gives those that failed. */
async function forEach<T>(rows: T[], does: (row: T) => Promise<unknown>): Promise<{ row: T; cause: unknown }[]> {
  const failed: { row: T; cause: unknown }[] = [];
  const waiting = [...rows];
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      try {
        await does(row);
      } catch (cause) {
        failed.push({ row, cause });
      }
    }
  }));
  return failed;
}

export function removeWords(kind: { one: string; many: string }, names: string[]): { title: string; action: string } {
  const [only] = names;
  return names.length === 1
    ? { title: `Delete the ${kind.one} ${only}?`, action: `Delete the ${kind.one}` }
    : { title: `Delete ${names.length} ${kind.many}?`, action: `Delete ${names.length} ${kind.many}` };
}

interface BulkProps<T> {
  kind: RecordKind<Collection, T>;
  rows: T[];
  nameOf: (row: T) => string;
  idOf: (row: T) => string;
  done: () => void;
}

function Bulk<T>({ kind, rows, nameOf, idOf, done }: BulkProps<T>) {
  const [busy, setBusy] = useState(false);
  const remove = async () => {
    const isSure = await confirm({
      ...removeWords(kind, rows.map(nameOf)), danger: true,
      children: <>{kind.loses && <p>{kind.loses}</p>}{rows.length > 1 && <p dir="auto">{rows.slice(0, 20).map(nameOf).join(", ")}{rows.length > 20 && ` and ${rows.length - 20} more`}</p>}{kind.can?.restore && <p>They can be restored.</p>}</>,
    });
    if (!isSure) return;
    setBusy(true);
    const failed = await forEach(rows, (row) => deleteRecord(kind.path, idOf(row)));
    setBusy(false);
    await again(kind.path);
    if (failed[0]) toastProblem(failed.length === 1 ? failed[0].cause : new Error(`${failed.length} of ${rows.length} stay. ${nameOf(failed[0].row)}: ${asProblem(failed[0].cause).message}`));
    else toast(rows.length === 1 ? "Deleted." : `Deleted ${rows.length} ${kind.many}.`);
    done();
  };
  return (
    <div className={styles.bulk} role="toolbar" aria-label="Selected">
      <span>{rows.length} selected</span>
      <Button color="red" variant="outline" size="xs" loading={busy} onClick={() => void remove()}>Delete</Button>
      <Button size="xs" variant="subtle" onClick={done}>Clear the selection</Button>
    </div>
  );
}

export function RestoreButton<P extends Collection>({ kind, id, size = "xs" }: { kind: RecordKind<P>; id: string; size?: "xs" | "sm" }) {
  const [busy, setBusy] = useState(false);
  const restore = async () => {
    setBusy(true);
    try {
      await restoreRecord(kind.path, id);
      await again(kind.path);
      toast("Restored.");
    } catch (cause) {
      toastProblem(cause);
    }
    setBusy(false);
  };
  return <Button size={size} loading={busy} onClick={() => void restore()}>Restore</Button>;
}

export interface RecordTableProps<P extends Collection> {
  kind: RecordKind<P>;
  /** Filters that are not the reader's to change. */
  fixed?: Record<string, string>;
  /** Names that columns need beside those of the kind's own references. */
  extra?: (rows: RowOf<P>[]) => Partial<Record<string, (string | null | undefined)[]>>;
  /** A column of buttons. */
  actions?: (row: RowOf<P>) => ReactNode;
  hide?: string[];
  empty?: ReactNode;
}

export function RecordTable<P extends Collection>({ kind, fixed = {}, extra, actions, hide = [], empty }: RecordTableProps<P>) {
  type Row = RowOf<P>;
  const { ask, paging, sort, onSort, isFiltered, clear } = useAsked(kind, fixed);
  const list = useRecords<Row>(kind.path, ask, { live: kind.live, ...(kind.every ? { every: kind.every } : {}) });
  const { may } = usePermissions();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const rows = list.data?.items ?? [];
  const names = useNames(idsOf(kind.refs ?? {}, rows as Values[], extra?.(rows)));
  useEffect(() => setSelected(new Set()), [paging.cursor]);
  if (isDenied(list.error)) return <DeniedOr error={list.error} />;
  if (list.error && !list.data) return <ProblemView error={list.error} retry={() => void list.refetch()} />;

  const canDelete = kind.can?.delete === true && may(`${kind.resource}:delete`);
  const isLocked = (row: Row) => kind.locked?.(row) !== undefined || Boolean(deletedAt(row));
  const columns: Column<Row>[] = kind.columns(names).filter((column) => !hide.includes(column.id));
  if (rows.some(deletedAt)) {
    columns.push({ id: "deleted", header: "Deleted", width: "12rem", cell: (row) => (deletedAt(row) ? <span className={styles.row}><Time at={deletedAt(row)} /> <RestoreButton kind={kind} id={row.id} /></span> : null) });
  }
  if (actions) columns.push({ id: "actions", header: "", width: "4rem", align: "end", cell: actions });
  const picked = rows.filter((row) => selected.has(row.id) && !isLocked(row));
  const nothing = isFiltered
    ? <Empty title={`No ${kind.many} fit`} action={<Button onClick={clear}>Clear the filters</Button>} />
    : (empty ?? <Empty title={kind.empty.title} {...(kind.empty.code ? { code: kind.empty.code } : {})}>{kind.empty.text}</Empty>);
  return (
    <>
      {Boolean(list.error) && <ProblemView error={list.error} compact retry={() => void list.refetch()} />}
      {picked.length > 0 && <Bulk<Row> kind={kind as unknown as RecordKind<Collection, Row>} rows={picked} nameOf={(row) => kind.name(row, names)} idOf={(row) => row.id} done={() => setSelected(new Set())} />}
      <DataTable
        label={kind.many} columns={columns} rows={rows} rowKey={(row) => row.id} rowTo={(row) => (kind.page ? `${kind.page}/${row.id}` : undefined)} sort={sort} onSort={onSort}
        loading={list.isPending || list.isPlaceholderData} empty={nothing} expected={8} {...(canDelete ? { selected, onSelect: setSelected } : {})}
      />
      {rows.length > 0 && <Pager total={list.data?.total} start={paging.start} shown={rows.length} earlier={paging.earlier} later={paging.later(list.data?.next_cursor, rows.length)} />}
    </>
  );
}

export function DeletedMark({ at }: { at: string | null | undefined }) {
  return at ? <Status state="bad">Deleted</Status> : null;
}
