// SPDX-License-Identifier: Apache-2.0
// What it is related to, as a graph that opens up node by node, or as a table. Both are bounded: one node may have ten thousand.
import { Select } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { call } from "../../api";
import { useAddress } from "../../app/address";
import { Empty, EntityLink, Graph, Panel, entityPath, parseRef } from "../../ui";
import type { GraphEdge, GraphNode } from "../../ui";
import { LIVE, byType, namespaceOf, refOfEntity, relationWords, titleOf } from "./entity";
import type { Entity } from "./entity";
import type { TabProps } from "./index";
import styles from "./entity.module.css";

const OF_A_NODE = 12;
const NODES = 60;
const LISTED = 100;
/** Of each pair of relations one is drawn, from who says it. */
const REVERSE = new Set(["ownerOf", "hasPart", "dependencyOf", "apiProvidedBy", "apiConsumedBy", "parentOf", "hasMember"]);
const FORWARD: Record<string, string> = { ownerOf: "ownedBy", hasPart: "partOf", dependencyOf: "dependsOn", apiProvidedBy: "providesApi", apiConsumedBy: "consumesApi", parentOf: "childOf", hasMember: "memberOf" };

function build(focus: Entity, opened: Entity[], type: string): { nodes: GraphNode[]; edges: GraphEdge[]; truncated: boolean } {
  const nodes = new Map<string, GraphNode>();
  const edges = new Map<string, GraphEdge>();
  let truncated = false;
  const node = (ref: string, more: Partial<GraphNode> = {}) => {
    const known = nodes.get(ref);
    if (known) Object.assign(known, more);
    else nodes.set(ref, { id: ref, label: parseRef(ref).name, kind: parseRef(ref).kind, to: entityPath(ref), hidden: 1, ...more });
  };
  node(refOfEntity(focus), { label: titleOf(focus), focus: true, hidden: 0 });
  for (const entity of [focus, ...opened]) {
    const from = refOfEntity(entity);
    const relations = (entity.relations ?? []).filter((one) => !type || one.type === type);
    node(from, { label: titleOf(entity), hidden: Math.max(0, relations.length - OF_A_NODE) });
    for (const { type: name, targetRef } of relations.slice(0, entity === focus ? NODES : OF_A_NODE)) {
      if (!nodes.has(targetRef) && nodes.size >= NODES * (1 + opened.length)) {
        truncated = true;
        continue;
      }
      node(targetRef);
      const [a, b, label] = REVERSE.has(name) ? [targetRef, from, FORWARD[name] ?? name] : [from, targetRef, name];
      edges.set(`${a} ${label} ${b}`, { from: a, to: b, label: relationWords(label) });
    }
    if (relations.length > NODES) truncated = true;
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()], truncated };
}

function List({ entity, type }: { entity: Entity; type: string }) {
  const [shown, setShown] = useState(LISTED);
  const groups = useMemo(() => byType(entity, type), [entity, type]);
  return (
    <div className={styles.groups}>
      {groups.map(([name, refs]) => (
        <div key={name}>
          <h3>{relationWords(name)} <span className="fw-faint">{refs.length}</span></h3>
          <ul className={styles.list}>
            {refs.slice(0, shown).map((ref) => <li key={ref}><EntityLink ref_={ref} namespace={namespaceOf(entity)} icon /></li>)}
            {refs.length > shown && <li><button type="button" onClick={() => setShown(shown + 500)}>Show more of {refs.length}</button></li>}
          </ul>
        </div>
      ))}
    </div>
  );
}

export default function Relations({ entity }: TabProps) {
  const { query, setQuery } = useAddress();
  const type = query.get("type") ?? "";
  const open = query.getAll("open").slice(0, 20);
  const types = [...new Set((entity.relations ?? []).map((one) => one.type))];
  const asked = useQueries({
    queries: open.map((ref) => ({
      queryKey: ["/api/catalog/entities/by-name", ref],
      queryFn: async () => (await call("get", "/api/catalog/entities/by-name/{kind}/{namespace}/{name}", { params: { path: { ...parseRef(ref) } } })).data as unknown as Entity,
      meta: { live: LIVE },
    })),
  });
  const opened = asked.flatMap((one) => (one.data ? [one.data] : []));
  const openedKeys = opened.map(refOfEntity).join(" ");
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const graph = useMemo(() => build(entity, opened, type), [entity, openedKeys, type]);
  if (types.length === 0) return <Empty title="It is related to nothing yet" code={"spec:\n  owner: group:default/team\n  system: shop\n  dependsOn: [component:default/other]"}>What its spec says makes relations, for instance</Empty>;
  return (
    <div className={styles.stack}>
      {types.length > 1 && <Select size="xs" w={220} aria-label="Which relations" clearable placeholder="All relations" value={type || null} data={types.map((one) => ({ value: one, label: relationWords(one) }))} onChange={(value) => setQuery({ type: value })} />}
      <Graph label={`Relations of ${titleOf(entity)}`} nodes={graph.nodes} edges={graph.edges} truncated={graph.truncated} height={480} onExpand={(id) => setQuery({ open: [...open, id] }, { replace: true })} />
      <Panel title="By relation"><List entity={entity} type={type} /></Panel>
    </div>
  );
}
