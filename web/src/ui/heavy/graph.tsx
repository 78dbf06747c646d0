// SPDX-License-Identifier: Apache-2.0
// A layered graph (dagre lays it out, xyflow draws it) and its twin, a table. Nodes are links; the keyboard goes through them in order.
import { Background, Controls, Handle, MarkerType, Position, ReactFlow, ReactFlowProvider } from "@xyflow/react";
import type { Edge, Node, NodeProps } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import dagre from "@dagrejs/dagre";
import { SegmentedControl } from "@mantine/core";
import { createContext, useContext, useMemo, useState } from "react";
import type { GraphEdge, GraphNode, GraphProps } from "../contract";
import { Link } from "../link";
import { Status } from "../status";
import { DataTable } from "../table";
import { KindIcon } from "../values";
import styles from "./graph.module.css";

const WIDTH = 200;
const HEIGHT = 44;
const NODES_MAX = 400;

type Box = Node<{ node: GraphNode }, "box">;
const Expand = createContext<((id: string) => void) | undefined>(undefined);

function BoxNode({ data: { node } }: NodeProps<Box>) {
  const expand = useContext(Expand);
  const inner = <><KindIcon kind={node.kind} /><span className={styles.label} dir="auto">{node.label}</span>{node.state && <Status state={node.state} />}</>;
  return (
    <div className={styles.node} data-focus={node.focus || undefined}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      {node.to ? <Link to={node.to} className={styles.inner} title={node.id}>{inner}</Link> : <span className={styles.inner} title={node.id}>{inner}</span>}
      {node.hidden !== undefined && node.hidden > 0 && expand && (
        <button type="button" className={styles.more} onClick={() => expand(node.id)} aria-label={`Show more of ${node.label}`}>+{node.hidden > 1 ? node.hidden : ""}</button>
      )}
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}
const nodeTypes = { box: BoxNode };

function laidOut(nodes: GraphNode[], edges: GraphEdge[]): { nodes: Box[]; edges: Edge[] } {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR", nodesep: 16, ranksep: 88, ranker: nodes.length > 150 ? "longest-path" : "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.id, { width: WIDTH, height: HEIGHT });
  const known = new Set(nodes.map((node) => node.id));
  const drawn = edges.filter((edge) => known.has(edge.from) && known.has(edge.to));
  drawn.forEach((edge, i) => graph.setEdge(edge.from, edge.to, {}, String(i)));
  dagre.layout(graph);
  return {
    nodes: nodes.map((node) => {
      const at = graph.node(node.id) as { x: number; y: number };
      return { id: node.id, type: "box", position: { x: at.x - WIDTH / 2, y: at.y - HEIGHT / 2 }, data: { node }, width: WIDTH, height: HEIGHT, draggable: false, connectable: false, focusable: false };
    }),
    edges: drawn.map((edge, i) => ({ id: String(i), source: edge.from, target: edge.to, label: edge.label, focusable: false, markerEnd: { type: MarkerType.ArrowClosed, width: 16, height: 16, color: "var(--fw-edge)" } })),
  };
}

export default function Graph({ label, nodes, edges, onExpand, height = 420, truncated }: GraphProps) {
  const [form, setForm] = useState<"graph" | "table">("graph");
  const bounded = useMemo(() => nodes.slice(0, NODES_MAX), [nodes]);
  const drawn = useMemo(() => laidOut(bounded, edges), [bounded, edges]);
  const by = useMemo(() => new Map(nodes.map((node) => [node.id, node])), [nodes]);
  const cut = truncated || nodes.length > NODES_MAX;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  return (
    <div className={styles.graph}>
      <div className={styles.tools}>
        <span className="fw-faint" role="status">{nodes.length} {nodes.length === 1 ? "entity" : "entities"}, {edges.length} {edges.length === 1 ? "relation" : "relations"}{cut ? "; there are more than are drawn" : ""}</span>
        <SegmentedControl size="xs" aria-label="Form" value={form} onChange={(value) => setForm(value as "graph" | "table")} data={[{ value: "graph", label: "Graph" }, { value: "table", label: "Table" }]} />
      </div>
      {form === "graph" ? (
        <div className={styles.canvas} style={{ height }} role="group" aria-label={label}>
          <Expand.Provider value={onExpand}>
            <ReactFlowProvider>
              <ReactFlow key={`${bounded.length}-${edges.length}`} nodes={drawn.nodes} edges={drawn.edges} nodeTypes={nodeTypes} fitView fitViewOptions={{ maxZoom: 1, padding: 0.08, duration: still ? 0 : 150 }} minZoom={0.1} maxZoom={2}
                nodesDraggable={false} nodesConnectable={false} elementsSelectable={false} onlyRenderVisibleElements={bounded.length > 100} preventScrolling={false} zoomOnScroll={false} panOnScroll={false} proOptions={{ hideAttribution: true }}>
                <Background gap={24} size={1} color="var(--fw-line)" />
                <Controls showInteractive={false} />
              </ReactFlow>
            </ReactFlowProvider>
          </Expand.Provider>
        </div>
      ) : (
        <DataTable label={`${label}, as a table`} rows={edges.slice(0, 2000)} rowKey={(edge) => `${edge.from} ${edge.label} ${edge.to}`} empty={<p className="fw-faint">No relations.</p>}
          columns={[
            { id: "from", header: "From", cell: (edge) => { const node = by.get(edge.from); return node?.to ? <Link to={node.to}>{node.label}</Link> : (node?.label ?? edge.from); } },
            { id: "label", header: "Relation", width: "28%", cell: (edge) => edge.label },
            { id: "to", header: "To", width: "36%", cell: (edge) => { const node = by.get(edge.to); return node?.to ? <Link to={node.to}>{node.label}</Link> : (node?.label ?? edge.to); } },
          ]} />
      )}
    </div>
  );
}
