// SPDX-License-Identifier: Apache-2.0
// Why it is here: what named it, through which locations, when that was read and is read again, what is wrong there.
import { Button } from "@mantine/core";
import { call, useChange, useGet } from "../../api";
import { DataTable, Empty, EntityLink, ExternalLink, Facts, Loaded, Panel, Status, Time, toast, toastProblem } from "../../ui";
import { LIVE, refOfEntity } from "./entity";
import type { Entity } from "./entity";
import type { TabProps } from "./index";
import styles from "./entity.module.css";

function Address({ of }: { of: string | undefined }) {
  if (!of) return null;
  const target = of.replace(/^[a-z-]+:(?=.)/, "");
  return /^https?:/.test(target) ? <ExternalLink href={target}>{target}</ExternalLink> : <code>{of}</code>;
}

function SourceState({ root }: { root: Entity | undefined }) {
  const target = (root?.metadata.annotations?.["backstage.io/managed-by-location"] ?? "").replace(/^[a-z-]+:/, "");
  const sources = useGet("/api/sources", { params: { query: { search: target, limit: 10 } as never } }, { live: ["sources.*", ...LIVE], enabled: target !== "" });
  const source = sources.data?.items.find((one) => one.target === target || one.entity_ref === (root && refOfEntity(root))) ?? sources.data?.items[0];
  const problems = useGet("/api/sources/{id}/problems", { params: { path: { id: source?.id ?? "" } } }, { enabled: Boolean(source), live: LIVE });
  const refresh = useChange(() => call("post", "/api/sources/{id}/refresh", { params: { path: { id: source?.id ?? "" } } }), ["/api/sources", "/api/catalog"]);
  if (target === "" || (sources.data && !source)) return <Empty title="No source that is read again names it">It was written through the API, or its location is not registered any more.</Empty>;
  return (
    <Loaded query={sources}>
      {() => source && (
        <div className={styles.stack}>
          <Facts rows={[
            ["State", <Status key="s" state={source.state === "ok" ? "good" : source.state === "failing" ? "bad" : "busy"}>{source.state}</Status>],
            ["Source", <code key="t">{source.type}:{source.target}</code>],
            ["Named by", source.origin === "config" ? "the configuration" : source.origin === "api" ? "the API" : source.origin],
            ["Last read", <Time key="r" at={source.read_at} />],
            ["Read again", source.next_read_at ? <Time key="n" at={source.next_read_at} /> : "when it is asked to"],
            ["Last change", <Time key="c" at={source.changed_at} />],
            ["Error", source.error],
          ]} />
          <div><Button size="xs" onClick={() => refresh.mutate(undefined, { onSuccess: () => toast("It is read now"), onError: toastProblem })}>Read it now</Button></div>
          {(problems.data?.items.length ?? 0) > 0 && (
            <DataTable label="Problems of the source" rows={(problems.data?.items ?? []).slice(0, 200)} rowKey={(row) => `${row.location}${row.line}${row.column}${row.message}`}
              columns={[
                { id: "message", header: "Problem", cell: (row) => <span title={row.message}>{row.message}</span> },
                { id: "at", header: "Where", width: "36%", cell: (row) => <code title={row.location}>{row.location.split("/").at(-1)}{row.line ? `:${row.line}${row.column ? `:${row.column}` : ""}` : ""}</code> },
                { id: "entity", header: "Entity", width: "24%", priority: 2, cell: (row) => (row.entity_ref ? <EntityLink ref_={row.entity_ref} /> : "") },
              ]} />
          )}
        </div>
      )}
    </Loaded>
  );
}

export default function Source({ entity, place }: TabProps) {
  const ancestry = useGet("/api/catalog/entities/by-name/{kind}/{namespace}/{name}/ancestry", { params: { path: { ...place } } }, { live: LIVE });
  const annotations = entity.metadata.annotations ?? {};
  return (
    <div className={styles.columns}>
      <Panel title="Where it comes from">
        <Facts rows={[
          ["Described in", <Address key="m" of={annotations["backstage.io/managed-by-location"]} />],
          ["Named first by", <Address key="o" of={annotations["backstage.io/managed-by-origin-location"]} />],
          ["To see", annotations["backstage.io/view-url"] && <Address of={annotations["backstage.io/view-url"]} />],
          ["To edit", annotations["backstage.io/edit-url"] && <Address of={annotations["backstage.io/edit-url"]} />],
        ]} />
        <Loaded query={ancestry}>
          {(data) => (
            <ol className={styles.list}>
              {[...data.items].reverse().map(({ entity: one }) => { const ref = refOfEntity(one as Entity); return <li key={ref}><EntityLink ref_={ref} icon title={ref === refOfEntity(entity) ? "This entity" : undefined} /></li>; })}
            </ol>
          )}
        </Loaded>
      </Panel>
      <Panel title="Its source"><Loaded query={ancestry}>{(data) => <SourceState root={(data.items.at(-1)?.entity as Entity | undefined) ?? entity} />}</Loaded></Panel>
    </div>
  );
}
