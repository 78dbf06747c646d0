// SPDX-License-Identifier: Apache-2.0
// Bindings as a part of a page: the roles of somebody, or who has which role at a place.
import { Button } from "@mantine/core";
import { useAddress } from "../../app/address";
import { usePermissions } from "../../app/permissions";
import { Panel } from "../../ui";
import { RecordDrawer, RecordTable } from "../../records";
import type { Values } from "../../records";
import { binding, bindingIds } from "./kind";

export function Bindings({ fixed, initial, hide = [], title = "Roles" }: { fixed: Record<string, string>; initial: Values; hide?: string[]; title?: string }) {
  const { setQuery } = useAddress();
  const { may } = usePermissions();
  return (
    <Panel plain title={title} actions={may("RoleBinding:create") ? <Button onClick={() => setQuery({ "new-binding": "1" })}>Bind a role</Button> : undefined}>
      <RecordTable kind={binding} fixed={fixed} hide={hide} extra={bindingIds} />
      <RecordDrawer kind={binding} of="binding" initial={initial} onCreated={() => undefined} />
    </Panel>
  );
}
