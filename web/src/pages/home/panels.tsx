// SPDX-License-Identifier: Apache-2.0
// Panels of the home page that show the whole rather than what is somebody's own.
import { Button } from "@mantine/core";
import { IconBook2, IconPlus, IconSearch, IconUserPlus } from "@tabler/icons-react";
import { useGet } from "../../api";
import { usePermissions } from "../../app/permissions";
import { Code, EntityLink, KindIcon, Link, Loaded, Panel, ProblemView, Status, Time, formatNumber, stateOfHealth } from "../../ui";
import { useKinds } from "../catalog/kinds";
import styles from "./home.module.css";

const LIVE = ["services.*", "catalog.entity.*"];

export function ChangedPanel() {
  const changed = useGet("/api/services", { params: { query: { sort: ["-updated_at"], fields: ["id", "name", "title", "entity_ref", "owner", "updated_at"], limit: 8 } } }, { live: LIVE });
  return (
    <Panel title="Changed lately" id="changed">
      <Loaded query={changed} isEmpty={(found) => found.items.length === 0} empty={<p className="fw-faint">No service has been changed yet.</p>}>
        {(found) => (
          <ul className={styles.list}>
            {found.items.map((one) => (
              <li key={one.id}>{one.entity_ref ? <EntityLink ref_={one.entity_ref} title={one.title || one.name} icon /> : one.name}<span className="fw-faint"><Time at={one.updated_at} /></span></li>
            ))}
          </ul>
        )}
      </Loaded>
    </Panel>
  );
}

export function StatePanel() {
  const { kinds, error, retry } = useKinds();
  const unwell = useGet("/api/services", { params: { query: { health: ["unhealthy", "degraded"], fields: ["id", "name", "title", "entity_ref", "health"], limit: 8, total: true } } }, { live: ["services.*"] });
  return (
    <Panel title="State of the catalog" id="state">
      {error && <ProblemView error={error} retry={retry} compact />}
      <ul className={styles.counts}>
        {kinds.map((one) => <li key={one.kind}><Link to={`/catalog?kind=${encodeURIComponent(one.kind)}`}><KindIcon kind={one.kind} /><strong>{formatNumber(one.count ?? 0)}</strong> {one.label}</Link></li>)}
      </ul>
      <h3>Not well</h3>
      <Loaded query={unwell} isEmpty={(found) => found.items.length === 0} empty={<p className="fw-faint">No service is known to be unwell.</p>}>
        {(found) => (
          <>
            <ul className={styles.waiting}>
              {found.items.map((one) => (
                <li key={one.id}><Status state={stateOfHealth(one.health)}>{one.health === "unhealthy" ? "Unhealthy" : "Degraded"}</Status>{one.entity_ref ? <EntityLink ref_={one.entity_ref} title={one.title || one.name} /> : one.name}</li>
              ))}
            </ul>
            {(found.total ?? 0) > found.items.length && <p className="fw-faint">And {formatNumber((found.total ?? 0) - found.items.length)} more.</p>}
          </>
        )}
      </Loaded>
    </Panel>
  );
}

export function TeamsPanel({ mine }: { mine: string[] | undefined }) {
  const groups = (mine ?? []).filter((ref) => ref.startsWith("group:"));
  return (
    <Panel title="My teams" id="teams">
      {groups.length > 0 ? <ul className={styles.list}>{groups.slice(0, 20).map((ref) => <li key={ref}><EntityLink ref_={ref} icon /></li>)}</ul>
        : <p className="fw-faint">{mine ? "You are in no group of the catalog yet. Whoever looks after a team adds you." : "Looking…"}</p>}
    </Panel>
  );
}

export function ActionsPanel() {
  const { may } = usePermissions();
  return (
    <Panel title="Quick actions" id="actions">
      <div className={styles.actions}>
        <Button component={Link} to="/catalog" leftSection={<IconSearch size={16} aria-hidden="true" />}>Browse the catalog</Button>
        <Button component={Link} to="/catalog/-/register" leftSection={<IconPlus size={16} aria-hidden="true" />}>Register entities</Button>
        {may("User:create") && <Button component={Link} to="/admin/people" leftSection={<IconUserPlus size={16} aria-hidden="true" />}>Invite people</Button>}
        <Button component="a" href="/api/openapi.json" leftSection={<IconBook2 size={16} aria-hidden="true" />}>The API as OpenAPI</Button>
      </div>
    </Panel>
  );
}

const IMPORT = "fairway catalog import \\\n  ./catalog-info.yaml";
const INVITE = "fairway users create \\\n  --email ada@example.com \\\n  --name 'Ada Lovelace'";
const CONNECT = "auth:\n  providers:\n    corp:\n      kind: oidc\n      issuer: https://login.example.com\n      client_id: fairway\n      client_secret: \"${CORP_SECRET}\"";

/** A new installation: the first three steps, with what does them. */
export function FirstSteps({ isOpen }: { isOpen: boolean }) {
  return (
    <ol className={styles.steps}>
      <li>
        <h2>1. Bring in what you have</h2>
        <p>Files of Backstage’s catalog work as they are. Or name folders and repositories under <code>catalog.locations</code> in the settings.</p>
        <Code label="Command that imports a file" language="sh" text={IMPORT} />
        <Button component={Link} to="/catalog/-/register" variant="filled">Register entities</Button>
      </li>
      <li>
        <h2>2. Invite people</h2>
        <p>{isOpen ? "Nobody is asked who they are on this server: start it without --auth open first." : "They get a link that sets their password, by mail or from you."}</p>
        <Code label="Command that makes a user" language="sh" text={INVITE} />
        <Button component={Link} to="/admin/people">Invite people</Button>
      </li>
      <li>
        <h2>3. Connect the sign-in you have</h2>
        <p>OpenID Connect and GitHub, in the settings of the server; people then need no password here.</p>
        <Code label="Settings of a sign-in provider" language="yaml" text={CONNECT} />
        <Button component={Link} to="/admin/identity-providers">Sign-in providers</Button>
      </li>
    </ol>
  );
}
