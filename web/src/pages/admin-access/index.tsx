// SPDX-License-Identifier: Apache-2.0
// Who may do what where: bindings of roles, and why something is or is not allowed.
import { useAddress, useParams } from "../../app/address";
import { NewButton, RecordDrawer, RecordFilters, RecordPage, RecordTable } from "../../records";
import { Link, Page, Status, Tabs, Time } from "../../ui";
import { Explain } from "./explain";
import { Scope, Subject, binding, bindingIds } from "./kind";

function All() {
  const { query } = useAddress();
  const explains = query.get("tab") === "explain";
  return (
    <Page title="Access" lead="Who has, or is denied, which role where." {...(explains ? {} : { actions: <NewButton one="binding" resource="RoleBinding" /> })}>
      <Tabs label="Access" tabs={[{ to: "/admin/access", label: "Bindings", current: !explains }, { to: "/admin/access?tab=explain", label: "Explain", current: explains }]} />
      {explains ? <Explain /> : (
        <>
          <RecordFilters kind={binding} />
          <RecordTable kind={binding} extra={bindingIds} />
          <RecordDrawer kind={binding} />
        </>
      )}
    </Page>
  );
}

export default function Access() {
  const { id } = useParams();
  if (!id) return <All />;
  return (
    <RecordPage
      kind={binding}
      extra={(row) => bindingIds([row])}
      mark={(row) => (row.effect === "deny" ? <Status state="bad">Denied</Status> : <Status state="good">Allowed</Status>)}
      lead={(row) => <span dir="auto">{row.description}</span>}
      facts={(row, names) => [
        ["Who", <Subject key="who" kind={row.subject_kind} id={row.subject_id} names={names} />],
        ["Role", <Link key="role" to={`/admin/roles/${row.role_id}`}>{names(row.role_id)}</Link>],
        ["Where", <Scope key="where" kind={row.scope_kind} id={row.scope_id} names={names} />],
        ["Until", row.expires_at ? <Time at={row.expires_at} /> : "It stays until somebody removes it."],
      ]}
    />
  );
}
