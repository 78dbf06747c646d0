// SPDX-License-Identifier: Apache-2.0
// Who is in a team, or in which teams somebody is; memberships are made, changed and ended here.
import { ActionIcon, Button } from "@mantine/core";
import { IconPencil } from "@tabler/icons-react";
import { useAddress } from "../../app/address";
import { usePermissions } from "../../app/permissions";
import { Empty, Panel } from "../../ui";
import { RecordDrawer, RecordTable } from "../../records";
import { membership } from "./kind";

export function Members({ fixed, of }: { fixed: { team_id: string } | { user_id: string }; of: "team" | "person" }) {
  const { setQuery } = useAddress();
  const { may } = usePermissions();
  const add = may("TeamMembership:create") ? <Button onClick={() => setQuery({ "new-member": "1" })}>{of === "team" ? "Add somebody" : "Add to a team"}</Button> : undefined;
  return (
    <Panel plain title={of === "team" ? "Members" : "Teams"} actions={add}>
      <RecordTable
        kind={membership} fixed={fixed} hide={[of === "team" ? "team" : "user"]}
        {...(of === "person" ? { empty: <Empty title="In no team yet">Being in a team gives every role that is bound to it.</Empty> } : {})}
        actions={(row) => (may("TeamMembership:update") && !row.source
          ? <ActionIcon aria-label="Change the membership" onClick={() => setQuery({ "edit-member": row.id })}><IconPencil size={16} /></ActionIcon>
          : null)}
      />
      <RecordDrawer kind={membership} of="member" initial={fixed} onCreated={() => undefined} />
    </Panel>
  );
}
