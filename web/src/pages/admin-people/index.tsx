// SPDX-License-Identifier: Apache-2.0
// People who can sign in.
import { useParams } from "../../app/address";
import { RecordList, RecordPage, RecordTable } from "../../records";
import { Empty, EntityLink, Link, Panel } from "../../ui";
import { Bindings } from "../admin-access/bindings";
import { apiKey } from "../admin-api-keys/kind";
import { Members } from "../admin-teams/members";
import { Invite, PersonMenu, usePersonActions } from "./actions";
import { PersonStatus, person } from "./kind";

function Person() {
  const { dialog, show } = usePersonActions();
  return (
    <>
      <RecordPage
        kind={person}
        mark={(row) => <PersonStatus status={row.status} erased={row.erased_at} />}
        lead={(row) => row.email}
        primary={(row) => (row.status === "invited" ? <Invite row={row} show={show} /> : null)}
        menu={(row) => <PersonMenu row={row} show={show} />}
        facts={(row) => [
          ["Address", row.email],
          ["In the catalog", row.entity_ref && <EntityLink ref_={row.entity_ref} />],
          ["Managed at", row.source && <code>{row.source}</code>],
          ["What they did", <Link key="audit" to={`/admin/audit?actor=${row.id}`}>Their entries in the audit trail</Link>],
        ]}
        tabs={[
          { id: "teams", label: "Teams", show: (row) => <Members of="person" fixed={{ user_id: row.id }} /> },
          { id: "roles", label: "Roles", show: (row) => <Bindings fixed={{ subject_kind: "user", subject_id: row.id }} initial={{ subject_kind: "user", subject_id: row.id }} hide={["subject"]} /> },
          {
            id: "keys", label: "API keys",
            show: (row) => <Panel plain title="API keys"><RecordTable kind={apiKey} fixed={{ user_id: row.id }} hide={["owner"]} empty={<Empty title="No API keys">People make them under Profile. Those of others are shown only to who may see them.</Empty>} /></Panel>,
          },
        ]}
      />
      {dialog}
    </>
  );
}

export default function People() {
  const { id } = useParams();
  return id ? <Person /> : <RecordList kind={person} lead="Everybody who can sign in, or did." />;
}
