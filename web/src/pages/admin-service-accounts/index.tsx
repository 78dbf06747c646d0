// SPDX-License-Identifier: Apache-2.0
// Service accounts: programs that call with keys of their own.
import { Button } from "@mantine/core";
import { useParams } from "../../app/address";
import { RecordList, RecordPage, RecordTable, record } from "../../records";
import { Empty, Link, Panel, Status } from "../../ui";
import { Bindings } from "../admin-access/bindings";
import { apiKey } from "../admin-api-keys/kind";

const STATES = [{ value: "active", label: "Active" }, { value: "disabled", label: "Disabled" }];
const Standing = ({ status }: { status?: string | undefined }) => (status === "disabled" ? <Status state="paused">Disabled</Status> : <Status state="good">Active</Status>);

const account = record({
  path: "/api/service-accounts",
  resource: "ServiceAccount",
  one: "service account",
  many: "service accounts",
  live: ["service-accounts.*"],
  page: "/admin/service-accounts",
  name: (row) => row.name,
  columns: () => [
    { id: "name", header: "Name", sort: "name", width: "12rem", cell: (row) => <Link to={`/admin/service-accounts/${row.id}`}>{row.name}</Link> },
    { id: "description", header: "Does", priority: 1, cell: (row) => <span dir="auto">{row.description}</span> },
    { id: "status", header: "Status", sort: "status", width: "7rem", cell: (row) => <Standing status={row.status} /> },
  ],
  fields: [
    { name: "name", label: "Name", input: "text", required: true, description: "Lower-case letters, digits and dashes.", placeholder: "deployer" },
    { name: "description", label: "Does", input: "area", placeholder: "Deploys from the pipeline." },
    { name: "status", label: "Status", input: "select", options: STATES, required: true, initial: "active", description: "The keys of a disabled one do not work." },
  ],
  filters: [{ name: "status", label: "Status", options: STATES }],
  search: true,
  sort: "name",
  can: { create: true, update: true, delete: true, restore: true },
  loses: "Its keys end at once.",
  empty: { title: "No service accounts yet", text: "Programs that call in nobody's name: pipelines, bots, monitoring.", code: "fairway service-accounts create --name deployer" },
});

export default function ServiceAccounts() {
  const { id } = useParams();
  if (!id) return <RecordList kind={account} lead="Programs that call with API keys of their own." />;
  return (
    <RecordPage
      kind={account}
      mark={(row) => <Standing status={row.status} />}
      lead={(row) => <span dir="auto">{row.description}</span>}
      facts={(row) => [["What it did", <Link key="audit" to={`/admin/audit?actor=${row.id}`}>Its entries in the audit trail</Link>]]}
      tabs={[
        {
          id: "keys", label: "API keys",
          show: (row) => (
            <Panel plain title="API keys" actions={<Button component={Link} to={`/admin/api-keys?new=1&service_account_id=${row.id}`}>Make a key</Button>}>
              <RecordTable kind={apiKey} fixed={{ service_account_id: row.id }} hide={["owner"]} empty={<Empty title="No keys yet">It cannot call without one.</Empty>} />
            </Panel>
          ),
        },
        { id: "roles", label: "Roles", show: (row) => <Bindings fixed={{ subject_kind: "service_account", subject_id: row.id }} initial={{ subject_kind: "service_account", subject_id: row.id }} hide={["subject"]} /> },
      ]}
    />
  );
}
