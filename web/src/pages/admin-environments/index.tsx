// SPDX-License-Identifier: Apache-2.0
// Environments: where services run, and who may deploy there.
import { useParams } from "../../app/address";
import { RecordList, RecordPage } from "../../records";
import { Link } from "../../ui";
import { Bindings } from "../admin-access/bindings";
import { environment } from "./kind";

export default function Environments() {
  const { id } = useParams();
  if (!id) return <RecordList kind={environment} lead="Where services run. A role bound at one holds for what is deployed there." />;
  return (
    <RecordPage
      kind={environment}
      lead={(row) => <span dir="auto">{row.description}</span>}
      facts={(row, names) => [
        ["For", row.type],
        ["Organization", <Link key="org" to={`/admin/organizations/${row.org_id}`} dir="auto">{names(row.org_id)}</Link>],
      ]}
      tabs={[{ id: "access", label: "Access", show: (row) => <Bindings fixed={{ scope_kind: "environment", scope_id: row.id }} initial={{ scope_kind: "environment", scope_id: row.id }} hide={["scope"]} /> }]}
    />
  );
}
