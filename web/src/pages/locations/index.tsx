// SPDX-License-Identifier: Apache-2.0
// What was registered by address: how its last read went, to read it now, to unregister it.
import { Button } from "@mantine/core";
import { useMemo, useState } from "react";
import { again, call, useGet } from "../../api";
import type { Schemas } from "../../api";
import { useAddress } from "../../app/address";
import { usePermissions } from "../../app/permissions";
import { DataTable, Empty, ExternalLink, Link, Page, Pager, ProblemView, Status, Time, confirm, formatNumber, toast, toastProblem } from "../../ui";
import type { Column, Sort, State } from "../../ui";
import { FilterField } from "../catalog/filter_field";
import { rowOf } from "../catalog/row";
import { Problems } from "./problems";
import styles from "./locations.module.css";

type Source = Schemas["Source"];

const STATES: Record<NonNullable<Source["state"]>, [State, string]> = { new: ["busy", "Being read"], ok: ["good", "Read"], failing: ["bad", "Failing"] };
const ORIGIN = "metadata.annotations.backstage.io/managed-by-origin-location";
const NAMED = 8;

/** Says what goes with it before it goes. */
async function unregister({ id, type, target }: Source): Promise<void> {
  const { data } = await call("post", "/api/catalog/entities/by-query", {
    body: { query: { [ORIGIN]: `${type}:${target}` } as never, limit: NAMED + 1, fields: ["kind", "metadata.name", "metadata.namespace"] },
  });
  // The Location that stands for the address is its own.
  const names = data.items.map(rowOf).filter((row) => row.kind !== "Location" || !row.name.startsWith("generated-")).slice(0, NAMED);
  const total = data.totalItems - (data.items.length - names.length > 0 && data.totalItems <= NAMED + 1 ? data.items.length - names.length : 0);
  const sure = await confirm({
    title: "Unregister this address?",
    action: "Unregister",
    danger: true,
    children: (
      <div className={styles.confirm}>
        <p><code>{target}</code> is not read any more.</p>
        {total === 0 ? <p>It brought no entity.</p> : (
          <>
            <p>{total === 1 ? "1 entity that it brought goes" : `${formatNumber(total)} entities that it brought go`}, unless another location names them too:</p>
            <ul>{names.map((row) => <li key={row.ref}><code>{row.ref}</code></li>)}{total > names.length && <li>and {formatNumber(total - names.length)} more</li>}</ul>
          </>
        )}
      </div>
    ),
  });
  if (!sure) return;
  await call("delete", "/api/catalog/locations/{id}", { params: { path: { id } } });
  toast("It is not registered any more");
  await again("/api/sources", "/api/catalog");
}

async function readNow({ id }: Source): Promise<void> {
  await call("post", "/api/sources/{id}/refresh", { params: { path: { id } } });
  toast("It is read now");
  await again("/api/sources");
}

function Actions({ source }: { source: Source }) {
  const { may } = usePermissions();
  const [busy, setBusy] = useState("");
  const run = (what: string, does: (source: Source) => Promise<void>) => {
    setBusy(what);
    does(source).catch(toastProblem).finally(() => setBusy(""));
  };
  return (
    <span className={styles.actions}>
      {may("Source:refresh") && <Button size="compact-sm" variant="subtle" loading={busy === "read"} onClick={() => run("read", readNow)}>Read now</Button>}
      {may("Location:delete") && <Button size="compact-sm" variant="subtle" color="red" loading={busy === "remove"} onClick={() => run("remove", unregister)}>Unregister</Button>}
    </span>
  );
}

export default function Locations() {
  const { query, setQuery } = useAddress();
  const q = query.get("q") ?? "";
  const cursor = query.get("cursor") ?? "";
  const given = query.get("sort") ?? "target";
  const sort: Sort = { by: given.replace(/^-/, ""), descending: given.startsWith("-") };
  const params = { origin: ["api" as const], limit: 100, total: true, sort: [given as "target"], ...(q ? { q } : {}), ...(cursor ? { cursor } : {}) };
  const sources = useGet("/api/sources", { params: { query: params } }, { live: ["catalog.*"], keep: true, every: 15_000 });
  const columns = useMemo((): Column<Source>[] => [
    { id: "target", header: "Address", sort: "target", cell: (row) => <ExternalLink href={row.target ?? ""}>{row.target}</ExternalLink> },
    { id: "state", header: "State", sort: "state", width: "8rem", cell: (row) => { const [state, word] = STATES[row.state ?? "new"]; return <Status state={state}>{word}</Status>; } },
    { id: "read", header: "Last read", sort: "read_at", width: "9rem", priority: 2, cell: (row) => <Time at={row.read_at} /> },
    { id: "changed", header: "Last change", sort: "changed_at", width: "9rem", priority: 1, cell: (row) => <Time at={row.changed_at} /> },
    { id: "actions", header: "Actions", width: "13rem", align: "end", cell: (row) => <Actions source={row} /> },
  ], []);
  const rows = sources.data?.items ?? [];
  const failing = rows.filter((row) => row.state === "failing");
  return (
    <Page
      title="Registered locations"
      crumbs={[{ label: "Catalog", to: "/catalog" }]}
      lead={<p>Addresses that were registered here or by the API. What the configuration names is listed under <Link to="/admin/sources">Sources</Link>.</p>}
      actions={<Button component={Link} to="/catalog/-/register">Register entities</Button>}
    >
      <div className={styles.line}><FilterField value={q} label="Filter by address" onChange={(next) => setQuery({ q: next, cursor: null }, { replace: true })} /></div>
      {sources.error && !sources.data ? <ProblemView error={sources.error} retry={() => void sources.refetch()} /> : (
        <>
          <DataTable
            label="Registered locations"
            columns={columns}
            rows={rows}
            rowKey={(row) => row.id}
            sort={sort}
            onSort={({ by, descending }) => setQuery({ sort: `${descending ? "-" : ""}${by}`, cursor: null })}
            loading={sources.isPending || sources.isPlaceholderData}
            expected={4}
            empty={q ? <Empty title="No registered address holds this text" action={<Button onClick={() => setQuery({ q: null, cursor: null })}>Show all</Button>} />
              : <Empty title="Nothing is registered yet" code="fairway catalog import https://github.com/acme/shop/blob/main/catalog-info.yaml" action={<Button component={Link} to="/catalog/-/register" variant="filled">Register an address</Button>}>
                  <p>An address of a file is read when it is registered, and then again and again.</p>
                </Empty>}
          />
          {rows.length > 0 && (
            <Pager
              total={sources.data?.total}
              shown={rows.length}
              earlier={cursor ? () => setQuery({ cursor: null }) : undefined}
              later={sources.data?.next_cursor ? () => setQuery({ cursor: sources.data?.next_cursor ?? null }) : undefined}
            />
          )}
          {failing.length > 0 && <Problems sources={failing} />}
        </>
      )}
    </Page>
  );
}
