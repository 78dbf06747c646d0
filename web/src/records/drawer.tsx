// SPDX-License-Identifier: Apache-2.0
// The drawer in which a record is created or changed: `?new=1` or `?edit=<id>` in the address.
import { Drawer } from "@mantine/core";
import { useRef } from "react";
import { useAddress, useGo } from "../app/address";
import { confirm, toast } from "../ui";
import { CreateForm, EditForm, editTitle, newTitle } from "./form";
import type { Collection, RecordKind, RowOf, Values } from "./kind";
import styles from "./records.module.css";

export interface DrawerProps<P extends Collection> {
  kind: RecordKind<P>;
  initial?: Values;
  create?: (body: Values, key: string) => Promise<RowOf<P>>;
  /** Keeps drawers of several kinds on one page apart: `?new-member`, `?edit-member`. */
  of?: string;
  /** What happens when one was created, instead of going to it. */
  onCreated?: (row: RowOf<P>) => void;
}

export function RecordDrawer<P extends Collection>({ kind, initial, create, onCreated, of }: DrawerProps<P>) {
  const { query, setQuery } = useAddress();
  const go = useGo();
  const [newName, editName] = of ? [`new-${of}`, `edit-${of}`] : ["new", "edit"];
  const editing = query.get(editName);
  const isNew = query.get(newName) !== null;
  const typed = useRef(false);
  const isOpen = isNew || editing !== null;
  if (!isOpen) typed.current = false;
  const close = () => setQuery({ [newName]: null, [editName]: null }, { replace: true });
  const leave = async () => {
    if (!typed.current || (await confirm({ title: "Close without saving?", children: "What you have typed will be lost.", action: "Close", danger: true }))) close();
  };
  const created = (row: RowOf<P>) => {
    if (onCreated) {
      close();
      onCreated(row);
      return;
    }
    toast(`Created ${kind.name(row, (id) => id ?? "")}.`);
    if (kind.page) go(`${kind.page}/${row.id}`, { replace: true });
    else close();
  };
  return (
    <Drawer opened={isOpen} onClose={() => void leave()} position="right" size={kind.wide ? 880 : 520} title={isNew ? newTitle(kind) : editTitle(kind)} closeOnClickOutside={false}>
      <div className={kind.wide ? styles.wide : undefined} onInput={() => { typed.current = true; }}>
        {isNew && <CreateForm kind={kind} onDone={created} cancel={() => void leave()} {...(initial ? { initial } : {})} {...(create ? { create } : {})} />}
        {!isNew && editing && <EditForm key={editing} id={editing} kind={kind} onDone={close} cancel={() => void leave()} />}
      </div>
    </Drawer>
  );
}
