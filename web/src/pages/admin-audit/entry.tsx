// SPDX-License-Identifier: Apache-2.0
// One entry of the audit trail: who, from where, and what was before and after. `?entry=<id>` in the address.
import { Drawer } from "@mantine/core";
import { useGet } from "../../api";
import { useAddress } from "../../app/address";
import { DeniedOr, changesOf, isDenied, sayAction } from "../../records";
import { Changes, Code, Copy, Empty, Facts, Link, Loaded, Panel, Time } from "../../ui";
import styles from "./audit.module.css";
import { pageOf } from "./query";
import type { Entry } from "./query";

const KINDS: Record<Entry["actor_kind"], string> = { anonymous: "somebody who has not signed in", user: "a person", service: "a program", system: "the server" };

function Shown({ entry }: { entry: Entry }) {
  const { withQuery } = useAddress();
  const changes = changesOf(entry.before, entry.after);
  const page = pageOf(entry.resource_type, entry.resource_id);
  const only = (name: string, value: string | null, label: string) => value && <Link to={withQuery({ [name]: value, entry: null, cursor: null })}>{label}</Link>;
  return (
    <div className={styles.entry}>
      <Facts
        rows={[
          ["When", <Time key="at" at={entry.at} absolute />],
          ["Who", <><bdi>{entry.actor_name ?? entry.actor_id ?? "nobody"}</bdi> <span className="fw-faint">{KINDS[entry.actor_kind]}</span> {only("actor", entry.actor_id, "all they did")}</>],
          ["What", <code key="action">{entry.action}</code>],
          ["On", <>{page ? <Link to={page}>{entry.resource_type}</Link> : entry.resource_type} <code>{entry.resource_id}</code> {only("resource_id", entry.resource_id, "its whole past")}</>],
          ["From", entry.address && <code>{entry.address}</code>],
          ["Request", entry.request_id && <><code>{entry.request_id}</code> {only("request_id", entry.request_id, "all it did")}</>],
          ["API key", entry.key_id && <Link to={`/admin/api-keys/${entry.key_id}`}>{entry.key_id}</Link>],
          ["Session", entry.session_id && <code>{entry.session_id}</code>],
          ["Place in the chain", entry.seq === null ? "not chained yet" : String(entry.seq)],
          ["Hash", entry.hash && <><code>{entry.hash.slice(0, 16)}…</code> <Copy text={entry.hash} label="Copy the hash" /></>],
          ["Link", <Copy key="link" text={`${location.origin}/admin/audit?entry=${entry.id}`} label="Copy a link to this entry" />],
        ]}
      />
      <Panel plain title="Before and after">
        {changes.length > 0 ? <Changes changes={changes} /> : <p className="fw-faint">Nothing is kept of what was before or after.</p>}
      </Panel>
      <Panel plain title="As it is kept"><Code label="The entry as JSON" language="json" lines={20} text={JSON.stringify(entry, null, 2)} /></Panel>
    </div>
  );
}

export function EntryDrawer() {
  const { query, setQuery } = useAddress();
  const id = query.get("entry");
  const read = useGet("/api/audit-logs/{id}", { params: { path: { id: id ?? "" } } }, { enabled: id !== null });
  return (
    <Drawer opened={id !== null} onClose={() => setQuery({ entry: null }, { replace: true })} position="right" size={720} title={read.data ? sayAction(read.data.action) : "Entry of the audit trail"}>
      {isDenied(read.error) ? <DeniedOr error={read.error} /> : <Loaded query={read} empty={<Empty title="No such entry" />}>{(entry) => <Shown entry={entry} />}</Loaded>}
    </Drawer>
  );
}
