// SPDX-License-Identifier: Apache-2.0
// One entity: the header answers who owns it, whether it is well and where its code is; the tabs tell the rest.
import { Suspense, lazy } from "react";
import type { ComponentType } from "react";
import { asProblem, useGet } from "../../api";
import { Bones, Copy, Empty, EntityLink, ExternalLink, KindIcon, Link, Page, ProblemView, Status, Tabs, Tags, stateOfHealth } from "../../ui";
import { Actions } from "./actions";
import { namespaceOf, refOfEntity, related, text, titleOf, useEntity, usePlace } from "./entity";
import type { Entity, Place } from "./entity";
import styles from "./entity.module.css";

export interface TabProps {
  entity: Entity;
  place: Place;
}

interface Tab {
  id: string;
  label: string;
  applies: (entity: Entity) => boolean;
  show: ComponentType<TabProps>;
}

const isService = (entity: Entity) => entity.kind.toLowerCase() === "component" && Boolean(entity.metadata.uid);
const TABS: Tab[] = [
  { id: "", label: "Overview", applies: () => true, show: lazy(() => import("./overview")) },
  { id: "definition", label: "Definition", applies: (entity) => typeof entity.spec?.["definition"] === "string", show: lazy(() => import("./definition")) },
  { id: "relations", label: "Relations", applies: () => true, show: lazy(() => import("./relations")) },
  { id: "dependencies", label: "Dependencies", applies: isService, show: lazy(() => import("./dependencies")) },
  { id: "health", label: "Health", applies: isService, show: lazy(() => import("./health")) },
  { id: "history", label: "History", applies: () => true, show: lazy(() => import("./history")) },
  { id: "yaml", label: "YAML", applies: () => true, show: lazy(() => import("./raw")) },
  { id: "source", label: "Source", applies: () => true, show: lazy(() => import("./source")) },
];

function Lead({ entity }: { entity: Entity }) {
  const owner = related(entity, "ownedBy")[0];
  const system = related(entity, "partOf").find((ref) => ref.startsWith("system:"));
  const spec = entity.spec ?? {};
  const annotations = entity.metadata.annotations ?? {};
  const code = annotations["backstage.io/source-location"]?.replace(/^url:/, "") ?? annotations["backstage.io/view-url"];
  const orphan = annotations["backstage.io/orphan"] === "true";
  const ref = refOfEntity(entity);
  return (
    <>
      {entity.metadata.description && <p className={styles.description} dir="auto">{entity.metadata.description}</p>}
      <p className={styles.facts}>
        <span><code>{ref}</code> <Copy text={ref} label="Copy the reference" /></span>
        {owner && <span>Owner <EntityLink ref_={owner} namespace={namespaceOf(entity)} icon /></span>}
        {text(spec["type"]) && <span dir="auto">{text(spec["type"])}</span>}
        {text(spec["lifecycle"]) && <span dir="auto">{text(spec["lifecycle"])}</span>}
        {system && <span>System <EntityLink ref_={system} namespace={namespaceOf(entity)} /></span>}
        {code && /^https?:/.test(code) && <span><ExternalLink href={code}>Code</ExternalLink></span>}
        {(entity.metadata.links ?? []).slice(0, 4).map((link) => <span key={link.url}><ExternalLink href={link.url}>{link.title ?? link.url}</ExternalLink></span>)}
        {orphan && <Status state="warn">No source names it any more</Status>}
      </p>
      {(entity.metadata.tags?.length ?? 0) > 0 && <Tags tags={entity.metadata.tags ?? []} to={(tag) => `/catalog?kind=${encodeURIComponent(entity.kind.toLowerCase())}&tag=${encodeURIComponent(tag)}`} />}
    </>
  );
}

function Health({ entity }: { entity: Entity }) {
  const health = useGet("/api/services/{id}/health", { params: { path: { id: entity.metadata.uid ?? "" }, query: { window: "24h" } } }, { live: ["services.health_changed"], enabled: isService(entity) });
  const status = health.data?.status;
  if (!status || (status === "unknown" && health.data?.checks?.length === 0)) return null;
  return <Status state={stateOfHealth(status)}>{status}</Status>;
}

function Unknown({ place }: { place: Place }) {
  return (
    <Empty title="There is no such entity" action={<Link to={`/catalog?kind=all&q=${encodeURIComponent(place.name)}`}>Look for “{place.name}” in the catalog</Link>}>
      It may have been renamed, its source may be gone, or you may not see it. If it was here, its <Link to={`/catalog/${[place.namespace, place.kind, place.name].map(encodeURIComponent).join("/")}/history`}>history</Link> is still known.
    </Empty>
  );
}

export default function EntityPage() {
  const { tab, ...place } = usePlace();
  const query = useEntity(place);
  const base = `/catalog/${[place.namespace, place.kind, place.name].map(encodeURIComponent).join("/")}`;
  const crumbs = [{ label: "Catalog", to: "/catalog" }, { label: query.data ? (query.data as Entity).kind : place.kind, to: `/catalog?kind=${encodeURIComponent(place.kind)}` }];
  if (query.data === undefined) {
    const isGone = asProblem(query.error).status === 404;
    const History = TABS.find((one) => one.id === "history")?.show;
    return (
      <Page title={place.name} crumbs={crumbs}>
        {!query.error ? <Bones lines={10} /> : isGone ? <Unknown place={place} /> : <ProblemView error={query.error} retry={() => void query.refetch()} />}
        {isGone && tab === "history" && History && <Suspense fallback={<Bones />}><History entity={{ apiVersion: "", kind: place.kind, metadata: place }} place={place} /></Suspense>}
      </Page>
    );
  }
  const entity = query.data as Entity;
  const shown = TABS.filter((one) => one.applies(entity));
  const current = shown.find((one) => one.id === tab);
  const Show = current?.show;
  return (
    <Page title={titleOf(entity)} crumbs={crumbs} mark={<><KindIcon kind={entity.kind} size={22} /><Health entity={entity} /></>} lead={<div className={styles.lead}><Lead entity={entity} /></div>} actions={<Actions entity={entity} />}>
      <Tabs label="Parts of the entity" tabs={shown.map((one) => ({ to: one.id ? `${base}/${one.id}` : base, label: one.label, current: one === current }))} />
      <Suspense fallback={<Bones lines={8} />}>
        {Show ? <Show key={refOfEntity(entity)} entity={entity} place={place} /> : <Empty title="There is no such part">{titleOf(entity)} has none called {tab}.</Empty>}
      </Suspense>
    </Page>
  );
}
