// SPDX-License-Identifier: Apache-2.0
// The components that are somebody's own, those that are not well first.
import { Button } from "@mantine/core";
import { useMemo } from "react";
import { DataTable, Empty, EntityLink, Link, Panel, ProblemView, Status, entityPath, stateOfHealth } from "../../ui";
import { useEntities, useHealth, useRows } from "../catalog/queries";
import type { Health } from "../catalog/queries";
import type { Row } from "../catalog/row";

const MOST = 50;
const WORDS: Record<Health, string> = { healthy: "Healthy", degraded: "Degraded", unhealthy: "Unhealthy", unknown: "Not known" };
const BADNESS: Health[] = ["unhealthy", "degraded", "unknown", "healthy"];

export interface MyServices {
  rows: Row[];
  total: number;
  health: ReadonlyMap<string, Health>;
  error: Error | null;
  isPending: boolean;
  retry: () => void;
}

export function useMyServices(mine: string[] | undefined): MyServices {
  const question = useMemo(() => (mine && mine.length > 0 ? { all: [{ key: "kind", values: ["component"] }, { key: "relations.ownedBy", values: mine }], text: "" } : undefined), [mine]);
  const found = useEntities(question, { kind: "component", sort: { by: "name", descending: false }, cursor: "", limit: MOST });
  const rows = useRows(found.data);
  const health = useHealth(rows);
  const sorted = useMemo(() => {
    const place = (row: Row) => BADNESS.indexOf(health.of.get(row.uid) ?? "unknown");
    return [...rows].sort((a, b) => place(a) - place(b));
  }, [rows, health.of]);
  return { rows: sorted, total: found.data?.totalItems ?? 0, health: health.of, error: found.error ?? health.error, isPending: question !== undefined && found.isPending, retry: () => { void found.refetch(); health.retry(); } };
}

export function ServicesPanel({ services, title }: { services: MyServices; title: string }) {
  const { rows, health, total } = services;
  return (
    <Panel title={title} id="services" plain actions={total > rows.length && <Link to="/catalog?scope=owned">All {total}</Link>}>
      {services.error && rows.length === 0 ? <ProblemView error={services.error} retry={services.retry} /> : (
        <DataTable
          label={title} rows={rows} rowKey={(row) => row.ref} rowTo={(row) => entityPath(row.ref)} loading={services.isPending} expected={5}
          columns={[
            { id: "name", header: "Name", cell: (row) => <EntityLink ref_={row.ref} title={row.title || row.name} icon /> },
            { id: "health", header: "Health", width: "8rem", cell: (row) => { const one = health.get(row.uid) ?? "unknown"; return <Status state={stateOfHealth(one)}>{WORDS[one]}</Status>; } },
            { id: "owner", header: "Owner", width: "11rem", priority: 2, cell: (row) => (row.owner ? <EntityLink ref_={row.owner} /> : null) },
            { id: "lifecycle", header: "Lifecycle", width: "8rem", priority: 1, cell: (row) => <span dir="auto">{row.lifecycle}</span> },
          ]}
          empty={<Empty title="You own no services yet" action={<Button component={Link} to="/catalog">Browse the catalog</Button>}>
            What names you or one of your groups as its owner is shown here: <code>owner: group:default/your-team</code> in its file.
          </Empty>}
        />
      )}
    </Panel>
  );
}
