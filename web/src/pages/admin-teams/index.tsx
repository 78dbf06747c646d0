// SPDX-License-Identifier: Apache-2.0
// Teams: who is in them, and which roles they have.
import { useParams } from "../../app/address";
import { RecordList, RecordPage, RecordTable } from "../../records";
import { Empty, EntityLink, Link } from "../../ui";
import { Bindings } from "../admin-access/bindings";
import { team } from "./kind";
import { Members } from "./members";

export default function Teams() {
  const { id } = useParams();
  if (!id) return <RecordList kind={team} lead="People who own things together. Roles can be bound to a team." />;
  return (
    <RecordPage
      kind={team}
      lead={(row) => <span dir="auto">{row.description}</span>}
      facts={(row, names) => [
        ["Slug", <code key="slug">{row.slug}</code>],
        ["Organization", <Link key="org" to={`/admin/organizations/${row.org_id}`} dir="auto">{names(row.org_id)}</Link>],
        ["Part of", row.parent_id && <Link to={`/admin/teams/${row.parent_id}`} dir="auto">{names(row.parent_id)}</Link>],
        ["In the catalog", row.entity_ref && <EntityLink ref_={row.entity_ref} />],
        ["Managed at", row.source && <code>{row.source}</code>],
      ]}
      tabs={[
        { id: "members", label: "Members", show: (row) => <Members of="team" fixed={{ team_id: row.id }} /> },
        { id: "roles", label: "Roles", show: (row) => <Bindings fixed={{ subject_kind: "team", subject_id: row.id }} initial={{ subject_kind: "team", subject_id: row.id }} hide={["subject"]} /> },
        { id: "access", label: "Access to it", show: (row) => <Bindings fixed={{ scope_kind: "team", scope_id: row.id }} initial={{ scope_kind: "team", scope_id: row.id }} hide={["scope"]} /> },
        {
          id: "teams", label: "Teams in it",
          show: (row) => <RecordTable kind={team} fixed={{ parent_id: row.id }} hide={["parent", "org"]} empty={<Empty title="No team is part of this one">Choose it as “Part of” of another.</Empty>} />,
        },
      ]}
    />
  );
}
