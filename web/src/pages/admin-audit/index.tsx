// SPDX-License-Identifier: Apache-2.0
// The audit trail: who did what to which thing, when.
import { Button, Menu } from "@mantine/core";
import { urlOf, useGet } from "../../api";
import { useAddress } from "../../app/address";
import { DeniedOr, isDenied, sayAction, shortId, usePaging } from "../../records";
import { DataTable, Empty, Link, Page, Pager, ProblemView, Time } from "../../ui";
import type { Column } from "../../ui";
import { EntryDrawer } from "./entry";
import { AuditFilters } from "./filters";
import { pageOf, useAuditQuery } from "./query";
import type { Entry } from "./query";
import { VerifyButton, VerifyResult } from "./verify";

const PAGE = 50;

function Export() {
  const asked = useAuditQuery();
  const link = (format: "jsonl" | "csv", label: string) => (
    <Menu.Item component="a" href={urlOf("/api/audit-logs/export", { params: { query: { ...asked, format } } })} download={`audit.${format}`}>{label}</Menu.Item>
  );
  return (
    <Menu>
      <Menu.Target><Button>Export</Button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>All that match, oldest first</Menu.Label>
        {link("jsonl", "JSON Lines")}
        {link("csv", "CSV")}
      </Menu.Dropdown>
    </Menu>
  );
}

function columnsOf(entryTo: (entry: Entry) => string): Column<Entry>[] {
  return [
    { id: "what", header: "What", width: "13rem", cell: (row) => <Link to={entryTo(row)}>{sayAction(row.action)}</Link> },
    { id: "who", header: "Who", width: "12rem", priority: 3, cell: (row) => <bdi>{row.actor_name ?? (row.actor_id ? shortId(row.actor_id) : "nobody")}</bdi> },
    {
      id: "on", header: "On", width: "18rem", priority: 2,
      cell: (row) => {
        const page = pageOf(row.resource_type, row.resource_id);
        const text = <><span className="fw-faint">{row.resource_type}</span> {shortId(row.resource_id)}</>;
        return page ? <Link to={page}>{text}</Link> : text;
      },
    },
    { id: "address", header: "From", width: "9rem", priority: 1, cell: (row) => row.address && <code>{row.address}</code> },
    { id: "at", header: "When", width: "8rem", cell: (row) => <Time at={row.at} /> },
  ];
}

function Entries() {
  const asked = useAuditQuery();
  const paging = usePaging();
  const { withQuery } = useAddress();
  // Every change writes an entry; further pages stay as they are, so that nothing moves while one reads.
  const list = useGet("/api/audit-logs", { params: { query: { ...asked, limit: PAGE, ...(paging.cursor ? { cursor: paging.cursor } : {}) } } }, { live: paging.cursor ? [] : ["*"], keep: true });
  if (isDenied(list.error)) return <DeniedOr error={list.error} />;
  if (list.error && !list.data) return <ProblemView error={list.error} retry={() => void list.refetch()} />;
  const rows = list.data?.items ?? [];
  const entryTo = (row: Entry) => withQuery({ entry: row.id });
  const empty = Object.keys(asked).length > 0
    ? <Empty title="No entry fits" action={<Link to="/admin/audit">Show all</Link>} />
    : <Empty title="Nothing has happened yet" code="fairway audit-logs list">Every change is written here, by whom and from where.</Empty>;
  return (
    <>
      <DataTable label="Audit trail" columns={columnsOf(entryTo)} rows={rows} rowKey={(row) => row.id} rowTo={entryTo} loading={list.isPending} empty={empty} expected={12} />
      {rows.length > 0 && <Pager start={paging.start} shown={rows.length} earlier={paging.earlier} later={paging.later(list.data?.next_cursor, rows.length)} />}
    </>
  );
}

export default function Audit() {
  return (
    <Page title="Audit" lead="Who did what to which thing. Rows are chained and signed; they are never changed or removed." actions={<><Export /><VerifyButton /></>}>
      <VerifyResult />
      <AuditFilters />
      <Entries />
      <EntryDrawer />
    </Page>
  );
}
