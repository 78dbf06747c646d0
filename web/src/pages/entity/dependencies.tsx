// SPDX-License-Identifier: Apache-2.0
// What the service needs, who needs it, and what a failure of it would reach.
import { SegmentedControl } from "@mantine/core";
import { useGet } from "../../api";
import { useAddress } from "../../app/address";
import { DataTable, Empty, EntityLink, Facts, Graph, Loaded, Panel, Status, entityPath, stateOfHealth } from "../../ui";
import { relationWords, titleOf } from "./entity";
import type { TabProps } from "./index";
import styles from "./entity.module.css";

const LIVE = ["catalog.entity.*", "service-dependencies.*", "services.*"];

export default function Dependencies({ entity }: TabProps) {
  const { query, setQuery } = useAddress();
  const id = entity.metadata.uid ?? "";
  const depth = Math.min(10, Math.max(1, Number(query.get("depth")) || 2));
  const direction = (["upstream", "downstream"].find((one) => one === query.get("direction")) ?? "both") as "upstream" | "downstream" | "both";
  const graph = useGet("/api/services/{id}/dependencies", { params: { path: { id }, query: { depth, direction } } }, { live: LIVE, keep: true });
  const impact = useGet("/api/services/{id}/impact", { params: { path: { id } } }, { live: LIVE });
  return (
    <div className={styles.stack}>
      <div className={styles.row}>
        <SegmentedControl size="xs" aria-label="Direction" value={direction} onChange={(value) => setQuery({ direction: value === "both" ? null : value })} data={[{ value: "both", label: "Both ways" }, { value: "upstream", label: "What it needs" }, { value: "downstream", label: "Who needs it" }]} />
        <SegmentedControl size="xs" aria-label="How many steps" value={String(depth)} onChange={(value) => setQuery({ depth: value })} data={["1", "2", "3", "5"].map((value) => ({ value, label: value === "1" ? "1 step" : `${value} steps` }))} />
      </div>
      <Loaded query={graph} isEmpty={(data) => data.nodes.length < 2} empty={<Empty title="It needs nothing, and nothing needs it" code={"spec:\n  dependsOn: [component:default/other]"}>As far as entities and dependency records say. An entity says so by</Empty>}>
        {(data) => (
          <>
            {data.cycles.length > 0 && <Panel title="Cycles"><ul className={styles.list}>{data.cycles.map((cycle) => <li key={cycle.join()}><Status state="warn">need each other</Status> {cycle.map((ref) => <span key={ref}><EntityLink ref_={ref} /> </span>)}</li>)}</ul></Panel>}
            <Graph label={`Dependencies of ${titleOf(entity)}`} height={480} truncated={data.truncated}
              nodes={data.nodes.map((node) => ({ id: node.ref, label: node.name, kind: node.kind, to: entityPath(node.ref), focus: node.distance === 0, ...(node.health && node.health !== "unknown" ? { state: stateOfHealth(node.health) } : {}) }))}
              edges={data.edges.map((edge) => ({ from: edge.from, to: edge.to, label: edge.version_constraint ? `${edge.version_constraint}${edge.satisfied === false ? " (not met)" : ""}` : relationWords(edge.type) }))} />
          </>
        )}
      </Loaded>
      <Panel title="Reach of a failure">
        <Loaded query={impact} isEmpty={(data) => data.total === 0} empty={<Empty title="Nothing needs it">A failure would be noticed here only.</Empty>}>
          {(data) => (
            <div className={styles.stack}>
              <Facts rows={[
                ["Reaches", `${data.total}${data.truncated ? " or more" : ""} ${data.total === 1 ? "entity" : "entities"}: ${data.kinds.map((one) => `${one.count} ${one.kind}`).join(", ")}`],
                ["To be told", data.owners.slice(0, 12).map((one) => <div key={one.owner ?? ""}>{one.owner ? <EntityLink ref_={one.owner} kind="group" icon /> : "nobody"} <span className="fw-faint">{one.count}</span></div>)],
              ]} />
              <DataTable label="Where people would notice first" rows={data.entry_points.slice(0, 100)} rowKey={(row) => row.ref} rowTo={(row) => entityPath(row.ref)}
                columns={[
                  { id: "name", header: "Noticed first in", cell: (row) => <EntityLink ref_={row.ref} title={row.name} icon /> },
                  { id: "owner", header: "Owner", width: "30%", cell: (row) => (row.owner ? <EntityLink ref_={row.owner} kind="group" /> : "") },
                  { id: "health", header: "Health", width: "20%", cell: (row) => (row.health ? <Status state={stateOfHealth(row.health)}>{row.health}</Status> : "") },
                ]} />
            </div>
          )}
        </Loaded>
      </Panel>
    </div>
  );
}
