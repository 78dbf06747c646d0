// SPDX-License-Identifier: Apache-2.0
import { useMemo } from "react";
import { useGet } from "../../api";
import { DataTable, Empty, EntityLink, ExternalLink, Facts, KindIcon, Link, Loaded, Panel, Status, Strip, Time, Timeline, entityPath, formatPercent, stateOfHealth } from "../../ui";
import type { State } from "../../ui";
import { LIVE, byType, namespaceOf, refOfEntity, related, relationWords, text, titleOf } from "./entity";
import type { Entity } from "./entity";
import type { TabProps } from "./index";
import styles from "./entity.module.css";

function Problems({ entity }: { entity: Entity }) {
  const items = entity.status?.items ?? [];
  if (items.length === 0) return null;
  return (
    <Panel title="Problems">
      <ul className={styles.list}>
        {items.map((item, i) => <li key={i}><Status state={item.level === "warning" ? "warn" : item.level === "info" ? "unknown" : "bad"}>{item.error?.name ?? item.level ?? "error"}</Status> <span dir="auto">{item.message ?? item.error?.message}</span></li>)}
      </ul>
      <p className="fw-faint">The last good state is shown until its text is mended; the tab YAML has it as it was read.</p>
    </Panel>
  );
}

function About({ entity }: { entity: Entity }) {
  const spec = entity.spec ?? {};
  const namespace = namespaceOf(entity);
  const link = (ref: string) => <EntityLink key={ref} ref_={ref} namespace={namespace} icon />;
  const profile = spec["profile"] as Record<string, unknown> | undefined;
  const email = text(profile?.["email"]);
  const labels = Object.entries(entity.metadata.labels ?? {});
  return (
    <Panel title="About">
      <Facts rows={[
        ["Name", entity.metadata.title ? entity.metadata.name : null],
        ["Owner", related(entity, "ownedBy").slice(0, 5).map(link)],
        ["Part of", related(entity, "partOf").length > 0 && related(entity, "partOf").slice(0, 5).map((ref) => <div key={ref}>{link(ref)}</div>)],
        ["Type", text(spec["type"])],
        ["Lifecycle", text(spec["lifecycle"])],
        ["E-mail", email && <a href={`mailto:${encodeURIComponent(email)}`}>{email}</a>],
        ["Namespace", namespace],
        ["Labels", labels.length > 0 && labels.map(([name, value]) => <div key={name}><code>{name}={value}</code></div>)],
      ]} />
    </Panel>
  );
}

function Links({ entity }: { entity: Entity }) {
  const links = entity.metadata.links ?? [];
  if (links.length === 0) return null;
  return <Panel title="Links"><ul className={styles.list}>{links.slice(0, 50).map((link, i) => <li key={i}><ExternalLink href={link.url}>{link.title ?? link.url}</ExternalLink></li>)}</ul></Panel>;
}

function HealthPanel({ entity, base }: { entity: Entity; base: string }) {
  const health = useGet("/api/services/{id}/health", { params: { path: { id: entity.metadata.uid ?? "" }, query: { window: "30d", step: "24h" } } }, { live: ["services.health_changed"] });
  return (
    <Panel title="Health" actions={<Link to={`${base}/health`}>All of it</Link>}>
      <Loaded query={health} isEmpty={(data) => data.checks.length === 0}
        empty={<Empty title="Nothing watches it yet" code={`fairway services health-checks create ${entity.metadata.uid} --name http --endpoint https://…`}>A check asks an address at an interval and tells when it does not answer.</Empty>}>
        {(data) => {
          const marks = data.history.points.map((point) => {
            const state: State = point.uptime >= 0.999 ? "good" : point.uptime >= 0.95 ? "warn" : "bad";
            return { at: point.at, state, words: `${new Date(point.at).toLocaleDateString("en-GB")}: ${formatPercent(point.uptime)} of ${point.runs} runs passed` };
          });
          return (
            <div className={styles.stack}>
              <div className={styles.row}><Status state={stateOfHealth(data.status)}>{data.status}</Status>{data.changed_at && <span className="fw-faint">since <Time at={data.changed_at} /></span>}</div>
              {marks.length > 0 && <Strip label="Days, the last thirty" marks={marks} />}
              <div className={styles.numbers}>
                {([["Day", data.uptime.day], ["Week", data.uptime.week], ["Month", data.uptime.month]] as const).map(([label, share]) => <div key={label}><div className={styles.big}>{share === null ? "–" : formatPercent(share)}</div><div className="fw-faint">{label}</div></div>)}
              </div>
            </div>
          );
        }}
      </Loaded>
    </Panel>
  );
}

const SHOWN = 8;

function Relations({ entity, base }: { entity: Entity; base: string }) {
  const groups = useMemo(() => byType(entity), [entity]);
  return (
    <Panel title="Relations" actions={groups.length > 0 ? <Link to={`${base}/relations`}>As a graph</Link> : null}>
      {groups.length === 0 ? <Empty title="It is related to nothing yet">Owner, system and dependsOn in its spec make relations.</Empty> : (
        <div className={styles.groups}>
          {groups.map(([type, refs]) => (
            <div key={type}>
              <h3>{relationWords(type)} <span className="fw-faint">{refs.length > 1 ? refs.length : ""}</span></h3>
              <ul className={styles.list}>
                {refs.slice(0, SHOWN).map((ref) => <li key={ref}><EntityLink ref_={ref} namespace={namespaceOf(entity)} icon /></li>)}
                {refs.length > SHOWN && <li><Link to={`${base}/relations?type=${encodeURIComponent(type)}`}>{refs.length - SHOWN} more</Link></li>}
              </ul>
            </div>
          ))}
        </div>
      )}
    </Panel>
  );
}

/** What belongs to a system, domain or group. */
function Parts({ entity }: { entity: Entity }) {
  const kind = entity.kind.toLowerCase();
  const relation = kind === "group" || kind === "user" ? "ownedBy" : "partOf";
  const parts = useGet("/api/catalog/entities/by-query", {
    params: { query: { filter: [`relations.${relation}=${refOfEntity(entity)}`], limit: 50, orderField: ["metadata.name,asc"], fields: ["kind", "metadata", "spec.type", "spec.lifecycle", "spec.profile"] } },
  }, { live: LIVE, enabled: ["system", "domain", "group", "user"].includes(kind) });
  if (!["system", "domain", "group", "user"].includes(kind)) return null;
  const title = relation === "ownedBy" ? "Owns" : "Parts";
  return (
    <Panel title={title} plain actions={parts.data && parts.data.totalItems > 50 ? <Link to={`/catalog?kind=all&${relation === "ownedBy" ? "owner" : "system"}=${encodeURIComponent(refOfEntity(entity))}`}>All {parts.data.totalItems}</Link> : null}>
      <Loaded query={parts}>
        {(data) => (
          <DataTable label={`${title} of ${titleOf(entity)}`} rows={data.items as unknown as Entity[]} rowKey={refOfEntity} rowTo={(row) => entityPath(refOfEntity(row))}
            empty={<Empty title={relation === "ownedBy" ? "It owns nothing yet" : "It has no parts yet"} code={relation === "ownedBy" ? `spec:\n  owner: ${refOfEntity(entity)}` : `spec:\n  ${kind}: ${entity.metadata.name}`}>An entity belongs here when its text says so:</Empty>}
            columns={[
              { id: "name", header: "Name", cell: (row) => <Link to={entityPath(refOfEntity(row))}><KindIcon kind={row.kind} /> <span dir="auto">{titleOf(row)}</span></Link> },
              { id: "kind", header: "Kind", width: "20%", cell: (row) => row.kind },
              { id: "type", header: "Type", width: "20%", priority: 3, cell: (row) => text(row.spec?.["type"]) },
              { id: "lifecycle", header: "Lifecycle", width: "20%", priority: 2, cell: (row) => text(row.spec?.["lifecycle"]) },
            ]} />
        )}
      </Loaded>
    </Panel>
  );
}

function Latest({ place, base }: Pick<TabProps, "place"> & { base: string }) {
  const history = useGet("/api/catalog/entities/by-name/{kind}/{namespace}/{name}/history", { params: { path: { ...place }, query: { limit: 5 } } }, { live: LIVE });
  return (
    <Panel title="Latest changes" actions={<Link to={`${base}/history`}>All of them</Link>}>
      <Loaded query={history}>
        {(data) => <Timeline label="Latest changes" entries={data.items.map((one) => ({ id: `r${one.revision}`, at: one.valid_from, title: one.revision === 1 ? "Came into the catalog" : `Changed, revision ${one.revision}`, by: one.changed_by ?? "the catalog", state: "good", to: `${base}/history?to=${one.revision}` }))} />}
      </Loaded>
    </Panel>
  );
}

export default function Overview({ entity, place }: TabProps) {
  const base = `/catalog/${[place.namespace, place.kind, place.name].map(encodeURIComponent).join("/")}`;
  return (
    <div className={styles.columns}>
      <div className={styles.column}>
        <Problems entity={entity} />
        <Parts entity={entity} />
        <Relations entity={entity} base={base} />
        {entity.kind.toLowerCase() === "component" && entity.metadata.uid && <HealthPanel entity={entity} base={base} />}
      </div>
      <div className={styles.column}>
        <About entity={entity} />
        <Links entity={entity} />
        <Latest place={place} base={base} />
      </div>
    </div>
  );
}
