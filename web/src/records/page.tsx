// SPDX-License-Identifier: Apache-2.0
// The page of one record: its facts and parts in tabs, its history, and what can be done with it.
import { ActionIcon, Button, Menu } from "@mantine/core";
import { IconDots } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { again, asProblem } from "../api";
import { useAddress, useGo, useParams } from "../app/address";
import { usePermissions } from "../app/permissions";
import { Bones, Copy, Empty, Facts, Link, Page, ProblemView, Tabs, Time, confirm, toast, toastProblem } from "../ui";
import { deleteRecord, idsOf, useNames, useRecord } from "./api";
import { DeniedOr, isDenied } from "./denied";
import { RecordDrawer } from "./drawer";
import { RecordHistory } from "./history";
import { capital, shortId } from "./kind";
import type { Collection, Names, RecordKind, RowOf, Values } from "./kind";
import { DeletedMark, RestoreButton, removeWords } from "./table";

export interface RecordTab<T> {
  id: string;
  label: string;
  count?: number;
  show: (row: T, names: Names) => ReactNode;
}

export interface RecordPageProps<P extends Collection> {
  kind: RecordKind<P>;
  facts: (row: RowOf<P>, names: Names) => [string, ReactNode][];
  /** Below the facts, on the first tab. */
  children?: (row: RowOf<P>, names: Names) => ReactNode;
  tabs?: RecordTab<RowOf<P>>[];
  mark?: (row: RowOf<P>) => ReactNode;
  lead?: (row: RowOf<P>) => ReactNode;
  /** The one primary action; "Edit" unless given. */
  primary?: (row: RowOf<P>) => ReactNode;
  /** Items of the menu, before "Delete". */
  menu?: (row: RowOf<P>) => ReactNode;
  /** What a new one, made from this one with `?new`, begins with. */
  initialOf?: (row: RowOf<P>) => Values;
  extra?: (row: RowOf<P>) => Partial<Record<string, (string | null | undefined)[]>>;
}

type Standing = { created_at?: string; created_by?: string | null; updated_at?: string; updated_by?: string | null; deleted_at?: string | null };

function useRemove<P extends Collection>(kind: RecordKind<P>) {
  const go = useGo();
  return async (row: RowOf<P>, name: string) => {
    const isSure = await confirm({ ...removeWords(kind, [name]), danger: true, children: <>{kind.loses && <p>{kind.loses}</p>}{kind.can?.restore && <p>It can be restored.</p>}</> });
    if (!isSure) return;
    try {
      await deleteRecord(kind.path, row.id);
      toast(`Deleted ${name}.`);
      if (kind.page) go(kind.page, { replace: true });
      await again(kind.path);
    } catch (cause) {
      toastProblem(cause);
    }
  };
}

function Actions<P extends Collection>({ kind, row, name, primary, menu }: { kind: RecordKind<P>; row: RowOf<P>; name: string } & Pick<RecordPageProps<P>, "primary" | "menu">) {
  const { may } = usePermissions();
  const { setQuery } = useAddress();
  const remove = useRemove(kind);
  const why = kind.locked?.(row);
  if ((row as Standing).deleted_at) return <RestoreButton kind={kind} id={row.id} size="sm" />;
  const canDelete = kind.can?.delete === true && may(`${kind.resource}:delete`) && why === undefined;
  const canEdit = kind.can?.update === true && may(`${kind.resource}:update`) && why === undefined;
  const first = primary?.(row);
  const items = menu?.(row);
  return (
    <>
      {first}
      {canEdit && !first && <Button variant="filled" onClick={() => setQuery({ edit: row.id })}>Edit</Button>}
      {(canDelete || items || (canEdit && first)) && (
        <Menu>
          <Menu.Target><ActionIcon variant="default" aria-label="More actions"><IconDots size={18} /></ActionIcon></Menu.Target>
          <Menu.Dropdown>
            {canEdit && first && <Menu.Item onClick={() => setQuery({ edit: row.id })}>Edit</Menu.Item>}
            {items}
            {canDelete && <Menu.Item color="red" onClick={() => void remove(row, name)}>Delete the {kind.one}</Menu.Item>}
          </Menu.Dropdown>
        </Menu>
      )}
    </>
  );
}

/** Who made and changed it last; ids are those of people, or of programs, which are then not found among them. */
function standing(row: Standing & { id: string }, names: Names): [string, ReactNode][] {
  const by = (who: string | null | undefined) => (who ? <> by <bdi>{names(who)}</bdi></> : null);
  return [
    ["Created", row.created_at && <><Time at={row.created_at} />{by(row.created_by)}</>],
    ["Last changed", row.updated_at && row.updated_at !== row.created_at ? <><Time at={row.updated_at} />{by(row.updated_by)}</> : null],
    ["Deleted", row.deleted_at ? <Time at={row.deleted_at} /> : null],
    ["Id", <><code title={row.id}>{shortId(row.id)}</code> <Copy text={row.id} label="Copy the id" /></>],
  ];
}

function Shown<P extends Collection>({ row, kind, facts, children, tabs = [], mark, lead, primary, menu, extra, initialOf }: RecordPageProps<P> & { row: RowOf<P> }) {
  const { query, withQuery } = useAddress();
  const at = query.get("tab") ?? "";
  const { created_by: createdBy, updated_by: updatedBy, deleted_at: deleted } = row as Standing;
  const names = useNames(idsOf(kind.refs ?? {}, [row as Values], { "/api/users": [createdBy, updatedBy] }, extra?.(row)));
  const name = kind.name(row, names);
  const shown = tabs.find((tab) => tab.id === at);
  const hasHistory = kind.can?.history !== false;
  const all = [{ id: "", label: "Overview" }, ...tabs, ...(hasHistory ? [{ id: "history", label: "History" }] : [])];
  return (
    <Page
      title={name} crumbs={[{ label: capital(kind.many), to: kind.page ?? "/" }]} mark={<>{mark?.(row)}<DeletedMark at={deleted} /></>} lead={lead?.(row)}
      actions={<Actions kind={kind} row={row} name={name} {...(primary ? { primary } : {})} {...(menu ? { menu } : {})} />}
    >
      {all.length > 1 && (
        <Tabs label={`Parts of the ${kind.one}`} tabs={all.map((tab) => ({ to: withQuery({ tab: tab.id, cursor: null, row: null, q: null, sort: null }), label: tab.label, current: at === tab.id, ...("count" in tab && tab.count !== undefined ? { count: tab.count } : {}) }))} />
      )}
      {shown ? shown.show(row, names) : at === "history" && hasHistory ? <RecordHistory kind={kind} id={row.id} /> : (
        <>
          <Facts columns={2} rows={[...facts(row, names), ...standing(row as Standing & { id: string }, names)]} />
          {children?.(row, names)}
        </>
      )}
      {(kind.fields?.length ?? 0) > 0 && <RecordDrawer kind={kind} {...(initialOf ? { initial: initialOf(row) } : {})} />}
    </Page>
  );
}

export function RecordPage<P extends Collection>(props: RecordPageProps<P>) {
  const { kind } = props;
  const { id } = useParams();
  const read = useRecord<RowOf<P>>(kind.path, id, kind.live, kind.every);
  if (read.data) return <Shown {...props} row={read.data.row} />;
  const crumbs = [{ label: capital(kind.many), to: kind.page ?? "/" }];
  if (!read.error) return <Page title={capital(kind.one)} crumbs={crumbs}><Bones lines={6} /></Page>;
  if (asProblem(read.error).status === 404) {
    return (
      <Page title={`${capital(kind.one)} not found`} crumbs={crumbs}>
        <Empty title={`There is no such ${kind.one}, or you may not see it`} action={<Link to={kind.page ?? "/"}>All {kind.many}</Link>}>It may have been deleted: “Show deleted” in the list finds what can be restored.</Empty>
      </Page>
    );
  }
  return (
    <Page title={capital(kind.one)} crumbs={crumbs}>
      {isDenied(read.error) ? <DeniedOr error={read.error} /> : <ProblemView error={read.error} retry={() => void read.refetch()} />}
    </Page>
  );
}
