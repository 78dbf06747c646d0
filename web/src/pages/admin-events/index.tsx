// SPDX-License-Identifier: Apache-2.0
// What happens, as it happens: the stream of events, with a filter, a pause and each event as JSON.
import { Button, Drawer } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import { useGet } from "../../api";
import { useAddress } from "../../app/address";
import { useKeys } from "../../app/keys";
import { DeniedOr, SearchField, shortId } from "../../records";
import { Code, DataTable, Empty, Facts, Link, Page, ProblemView, Status, Time } from "../../ui";
import { pageOf } from "../admin-audit/query";
import styles from "./events.module.css";
import { MOST, useTail } from "./tail";
import type { Event } from "./tail";

const KIND_OF: Record<string, string> = {
  "/api/organizations": "Organization", "/api/teams": "Team", "/api/users": "User", "/api/roles": "Role", "/api/role-bindings": "RoleBinding", "/api/api-keys": "ApiKey",
  "/api/service-accounts": "ServiceAccount", "/api/environments": "Environment", "/api/webhooks": "Webhook", "/api/jobs": "Job", "/api/sources": "Source", "/api/catalog-kinds": "CatalogKind",
};

function Subject({ event }: { event: Event }) {
  if (!event.subject) return null;
  const page = pageOf(KIND_OF[event.source] ?? "", event.subject);
  const text = /^[0-9a-f-]{36}$/.test(event.subject) ? shortId(event.subject) : event.subject;
  return page ? <Link to={page}>{text}</Link> : <code>{text}</code>;
}

function Shown({ event }: { event: Event }) {
  return (
    <div className={styles.event}>
      <Facts rows={[["Type", <code key="type">{event.type}</code>], ["When", <Time key="time" at={event.time} absolute />], ["About", <Subject key="subject" event={event} />], ["By", event.actor && <bdi>{event.actor}</bdi>], ["Position", <code key="position">{event.sequence}</code>]]} />
      <Code label="The event as CloudEvents JSON" language="json" text={JSON.stringify(event, null, 2)} />
    </div>
  );
}

/** `?at=<position>`: the event at a position of the stream, while it is kept. */
function EventDrawer({ known }: { known: Event[] }) {
  const { query, setQuery } = useAddress();
  const at = query.get("at");
  const here = known.find((event) => event.sequence === at);
  const isPosition = at !== null && /^[0-9]{1,18}$/.test(at);
  const before = isPosition ? String(Math.max(0, Number(at) - 1)).padStart(16, "0") : "";
  const read = useGet("/api/events", { params: { query: { after: before, limit: 1 } } }, { enabled: isPosition && !here });
  const found = here ?? read.data?.items.find((event) => event.sequence === at);
  return (
    <Drawer opened={at !== null} onClose={() => setQuery({ at: null }, { replace: true })} position="right" size={640} title={found?.type ?? "Event"}>
      {found ? <Shown event={found} /> : read.error ? <ProblemView error={read.error} /> : !read.isLoading && <Empty title="This event is no longer kept">How long events are kept is said by the setting <code>events.retention</code>.</Empty>}
    </Drawer>
  );
}

const STATES = { connecting: { state: "busy", text: "Connecting" }, live: { state: "good", text: "Live" }, away: { state: "bad", text: "Not connected" } } as const;

export default function Events() {
  const { query, setQuery, withQuery } = useAddress();
  const paused = query.get("paused") !== null;
  const types = query.get("types") ?? "";
  const tail = useTail({ types, subject: query.get("subject") ?? "" }, paused);
  const goOn = useRef(tail.goOn);
  goOn.current = tail.goOn;
  useEffect(() => { if (!paused) goOn.current(); }, [paused]);
  const toggle = () => setQuery({ paused: paused ? null : "1" }, { replace: true });
  useKeys({ p: toggle }, [{ keys: "p", does: "Pause or go on" }]);
  const shown = STATES[tail.state];
  const pause = (
    <Button variant="filled" leftSection={paused ? <IconPlayerPlay size={16} /> : <IconPlayerPause size={16} />} onClick={toggle}>
      {paused ? (tail.waiting > 0 ? `Go on with ${tail.waiting >= MOST ? `${MOST} or more` : tail.waiting} new` : "Go on") : "Pause"}
    </Button>
  );
  return (
    <Page title="Events" lead="What happens in the platform, as CloudEvents, in one order that never changes." mark={<Status state={paused ? "paused" : shown.state}>{paused ? "Paused" : shown.text}</Status>} actions={pause}>
      <div className={styles.filters} role="search" aria-label="Filter events">
        <SearchField name="types" label="Types: services.*, teams.created" />
        <SearchField name="subject" label="About: an id or a reference" />
        <span className="fw-faint" role="status">{tail.events.length} shown{tail.events.length >= MOST && ", the newest"}</span>
      </div>
      {tail.error ? <DeniedOr error={tail.error} /> : (
        <DataTable
          label="Events, newest first" rows={tail.events} rowKey={(row) => row.sequence} rowTo={(row) => withQuery({ at: row.sequence })} loading={tail.state === "connecting" && tail.events.length === 0}
          empty={<Empty title={types ? "No such event lately" : "Nothing has happened lately"} code="fairway events list --types 'services.*'">New ones appear here by themselves. Programs follow the same stream, or are told by webhooks.</Empty>}
          columns={[
            { id: "type", header: "Type", width: "14rem", cell: (row) => <Link to={withQuery({ at: row.sequence })}>{row.type}</Link> },
            { id: "about", header: "About", width: "18rem", priority: 2, cell: (row) => <Subject event={row} /> },
            { id: "by", header: "By", width: "12rem", priority: 1, cell: (row) => <bdi>{row.actor}</bdi> },
            { id: "at", header: "When", width: "8rem", cell: (row) => <Time at={row.time} /> },
            { id: "position", header: "Position", width: "8rem", priority: 1, align: "end", cell: (row) => <code>{row.sequence.replace(/^0+(?=\d)/, "")}</code> },
          ]}
        />
      )}
      <EventDrawer known={tail.events} />
    </Page>
  );
}
