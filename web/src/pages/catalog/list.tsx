// SPDX-License-Identifier: Apache-2.0
// The rows themselves: one page of them, their health, the pager.
import { useMemo } from "react";
import { DataTable, Link, Pager, ProblemView, entityPath, formatNumber } from "../../ui";
import type { Question } from "./conditions";
import { useColumns } from "./columns";
import { NothingThere } from "./empty";
import { valueLabel } from "./facets";
import { GroupList, withGroup } from "./groups";
import { kindLabel } from "./kinds";
import { PAGE, useEntities, useHealth, useRows } from "./queries";
import type { Row } from "./row";
import { facetsOf } from "./state";
import type { CatalogAddress, Group } from "./state";
import styles from "./catalog.module.css";

const BY_NAME = { by: "name", descending: false };

export interface Selection {
  selected: ReadonlySet<string>;
  select: (selected: Set<string>) => void;
}

function groupValue(group: Group, row: Row): string {
  switch (group.id) {
    case "owner": return row.owner;
    case "type": return row.type;
    case "lifecycle": return row.lifecycle;
    case "system": return row.system;
    case "kind": return row.kind;
  }
}

/** By the heading, those without one last; in a group the order stays. */
function grouped(rows: Row[], group: Group | undefined): Row[] {
  if (!group) return rows;
  return rows
    .map((row) => ({ row, value: groupValue(group, row) }))
    .sort((a, b) => Number(a.value === "") - Number(b.value === "") || a.value.localeCompare(b.value))
    .map(({ row }) => row);
}

/** An order by a field leaves out what does not have it. */
function LeftOut({ question, address, shown }: { question: Question | undefined; address: CatalogAddress; shown: number | undefined }) {
  const { kind, sort } = address.state;
  const { data } = useEntities(sort.by === "name" ? undefined : question, { kind, sort: BY_NAME, cursor: "", limit: 1 });
  const facet = facetsOf(kind).find((one) => one.id === sort.by);
  const left = data && shown !== undefined && sort.by !== "name" ? data.totalItems - shown : 0;
  if (left <= 0) return null;
  return (
    <p className={styles.note}>
      {left === 1 ? "1 has" : `${formatNumber(left)} have`} no {(facet?.label ?? sort.by).toLowerCase()} and {left === 1 ? "is" : "are"} left out by this order.
      {facet && <Link to={address.link({ [facet.id]: [""], sort: null })}>Show {left === 1 ? "it" : "them"}</Link>}
    </p>
  );
}

interface RowsProps extends Selection {
  question: Question | undefined;
  address: CatalogAddress;
  group?: Group | undefined;
}

function Rows({ question, address, group, selected, select }: RowsProps) {
  const { state, setPlace, setSort } = address;
  const query = useEntities(question, { kind: state.kind, sort: state.sort, cursor: state.cursor });
  const rows = useRows(query.data);
  const shown = useMemo(() => grouped(rows, group), [rows, group]);
  const health = useHealth(rows);
  const columns = useColumns(state.kind, health.of);
  if (query.error && !query.data) return <ProblemView error={query.error} retry={() => void query.refetch()} />;
  const { nextCursor, prevCursor } = query.data?.pageInfo ?? {};
  const total = query.data?.totalItems;
  const toTop = () => window.scrollTo({ top: 0 });
  return (
    <>
      <DataTable
        label={kindLabel(state.kind)}
        columns={columns}
        rows={shown}
        rowKey={(row) => row.ref}
        rowTo={(row) => entityPath(row.ref)}
        sort={state.sort}
        onSort={setSort}
        selected={selected}
        onSelect={select}
        {...(group ? { groupOf: (row: Row) => valueLabel(group, groupValue(group, row)) } : {})}
        loading={query.isPending || query.isPlaceholderData}
        expected={state.open === undefined ? 20 : 4}
        empty={<NothingThere question={question} address={address} />}
      />
      {query.error && <ProblemView error={query.error} retry={() => void query.refetch()} compact />}
      <LeftOut question={question} address={address} shown={total} />
      {health.error && <div className={styles.note}>Health could not be read. <ProblemView error={health.error} retry={health.retry} compact /></div>}
      {(total ?? 0) > 0 && (
        <Pager
          total={total}
          start={state.start}
          shown={rows.length}
          earlier={prevCursor ? () => { setPlace(state.start > PAGE ? prevCursor : null, Math.max(0, state.start - PAGE)); toTop(); } : undefined}
          later={nextCursor ? () => { setPlace(nextCursor, state.start + rows.length); toTop(); } : undefined}
        />
      )}
    </>
  );
}

/** Groups of what one page holds stand under headings; of more, they are opened one by one. */
export function List({ question, address, ...selection }: { question: Question | undefined; address: CatalogAddress } & Selection) {
  const { state } = address;
  const { group } = state;
  const count = useEntities(group ? question : undefined, { kind: state.kind, sort: state.sort, cursor: "" });
  const isLong = group !== undefined && (state.open !== undefined || (count.data?.totalItems ?? 0) > PAGE);
  if (group && isLong && question) {
    const inGroup = state.open === undefined ? undefined : withGroup(question, group, state.open);
    return <GroupList question={question} group={group} address={address}><Rows question={inGroup} address={address} {...selection} /></GroupList>;
  }
  return <Rows question={question} address={address} group={group} {...selection} />;
}

