// SPDX-License-Identifier: Apache-2.0
// The page that lists records of a kind.
import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { useAddress } from "../app/address";
import { usePermissions } from "../app/permissions";
import { Page } from "../ui";
import { RecordDrawer } from "./drawer";
import type { DrawerProps } from "./drawer";
import { RecordFilters } from "./filters";
import { capital } from "./kind";
import type { Collection } from "./kind";
import { RecordTable } from "./table";
import type { RecordTableProps } from "./table";

export interface RecordListProps<P extends Collection> extends RecordTableProps<P>, Omit<DrawerProps<P>, "kind"> {
  title?: string;
  lead?: ReactNode;
  /** Between heading and table: tabs. */
  above?: ReactNode;
  /** Instead of "New …". */
  primary?: ReactNode;
  children?: ReactNode;
}

export function NewButton({ one, resource }: { one: string; resource: string }) {
  const { setQuery } = useAddress();
  const { may } = usePermissions();
  return may(`${resource}:create`) ? <Button variant="filled" onClick={() => setQuery({ new: "1" })}>New {one}</Button> : null;
}

export function RecordList<P extends Collection>({ title, lead, above, primary, children, initial, create, onCreated, ...table }: RecordListProps<P>) {
  const { kind } = table;
  return (
    <Page title={title ?? capital(kind.many)} lead={lead} actions={primary ?? (kind.can?.create ? <NewButton one={kind.one} resource={kind.resource} /> : undefined)}>
      {above}
      <RecordFilters kind={kind} />
      <RecordTable {...table} />
      {(kind.fields?.length ?? 0) > 0 && <RecordDrawer kind={kind} {...(initial ? { initial } : {})} {...(create ? { create } : {})} {...(onCreated ? { onCreated } : {})} />}
      {children}
    </Page>
  );
}
