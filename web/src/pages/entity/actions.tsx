// SPDX-License-Identifier: Apache-2.0
import { ActionIcon, Button, Menu } from "@mantine/core";
import { IconDots, IconDownload, IconEdit, IconRefresh, IconTrash } from "@tabler/icons-react";
import { Suspense, lazy } from "react";
import { call, useChange } from "../../api";
import { useAddress, useGo } from "../../app/address";
import { confirm, toast, toastProblem } from "../../ui";
import { asYaml, download, namespaceOf, refOfEntity, titleOf } from "./entity";
import type { Entity } from "./entity";

const Edit = lazy(() => import("./edit"));
const CATALOG = ["/api/catalog", "/api/services"];

export function Actions({ entity }: { entity: Entity }) {
  const go = useGo();
  const { query, setQuery } = useAddress();
  const ref = refOfEntity(entity);
  const refresh = useChange(() => call("post", "/api/catalog/refresh", { body: { entityRef: ref } }), CATALOG);
  const remove = useChange(() => call("delete", "/api/catalog/entities/by-uid/{uid}", { params: { path: { uid: entity.metadata.uid ?? "" } } }), CATALOG);
  const source = entity.metadata.annotations?.["backstage.io/managed-by-location"] ?? "";

  const removeIt = async () => {
    const back = source && !source.startsWith("api:") ? " As long as its source names it, it comes back when that is read again: unregister the location to be rid of it." : "";
    if (!(await confirm({ title: `Delete ${titleOf(entity)}?`, children: `It leaves the catalog, with its health checks, versions and dependencies. Its history stays.${back}`, action: "Delete it", danger: true, typed: entity.metadata.name }))) return;
    remove.mutate(undefined, { onSuccess: () => { toast(`${titleOf(entity)} is deleted`); go("/catalog"); }, onError: toastProblem });
  };
  return (
    <>
      <Button leftSection={<IconRefresh size={16} aria-hidden="true" />} loading={refresh.isPending} onClick={() => refresh.mutate(undefined, { onSuccess: () => toast("Its source is read again"), onError: toastProblem })}>Refresh</Button>
      <Menu>
        <Menu.Target><ActionIcon size={36} variant="default" aria-label="More to do with it"><IconDots size={18} /></ActionIcon></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconEdit size={16} />} onClick={() => setQuery({ edit: "1" })}>Edit its metadata</Menu.Item>
          <Menu.Item leftSection={<IconDownload size={16} />} onClick={() => download(`${entity.metadata.name}.yaml`, "application/yaml", asYaml(entity))}>Download as YAML</Menu.Item>
          <Menu.Divider />
          <Menu.Item leftSection={<IconTrash size={16} />} color="red" onClick={() => void removeIt()}>Delete it</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {query.get("edit") && <Suspense fallback={null}><Edit entity={entity} path={{ kind: entity.kind.toLowerCase(), namespace: namespaceOf(entity), name: entity.metadata.name }} close={() => setQuery({ edit: null }, { replace: true })} /></Suspense>}
    </>
  );
}
