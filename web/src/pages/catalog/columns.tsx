// SPDX-License-Identifier: Apache-2.0
// The columns of the list, by kind: what tells its entities apart.
import { useMediaQuery } from "@mantine/hooks";
import { useMemo } from "react";
import { EntityLink, Status, Tags, stateOfHealth } from "../../ui";
import type { Column } from "../../ui";
import type { Health } from "./queries";
import type { Row } from "./row";
import { EVERY_KIND } from "./state";
import styles from "./catalog.module.css";

const HEALTH_WORDS: Record<Health, string> = { healthy: "Healthy", degraded: "Degraded", unhealthy: "Unhealthy", unknown: "Not known" };

function Name({ row }: { row: Row }) {
  const hasTitle = row.title !== "" && row.title !== row.name;
  return (
    <span className={styles.name}>
      <EntityLink ref_={row.ref} title={hasTitle ? row.title : row.name} icon />
      {hasTitle && <span className={styles.faintName} title={row.name}>{row.name}</span>}
    </span>
  );
}

function HealthShape({ health: found }: { health: Health | undefined }) {
  return found ? <Status state={stateOfHealth(found)} label={found === "unknown" ? "Health is not known" : HEALTH_WORDS[found]} /> : null;
}

function Text({ children }: { children: string }) {
  return <span className={styles.clip} dir="auto" title={children}>{children}</span>;
}

function ref(value: string) {
  return value ? <EntityLink ref_={value} /> : null;
}

const TYPE: Column<Row> = { id: "type", header: "Type", sort: "type", width: "6.5rem", priority: 2, cell: (row) => <Text>{row.type}</Text> };
const LIFECYCLE: Column<Row> = { id: "lifecycle", header: "Lifecycle", sort: "lifecycle", width: "7rem", priority: 2, cell: (row) => <Text>{row.lifecycle}</Text> };
const OWNER: Column<Row> = { id: "owner", header: "Owner", sort: "owner", width: "10rem", cell: (row) => ref(row.owner) };
const TAGS: Column<Row> = { id: "tags", header: "Tags", width: "13rem", priority: 1, cell: (row) => <span className={styles.tags}><Tags tags={row.tags} most={2} /></span> };
const DESCRIPTION: Column<Row> = { id: "description", header: "Description", width: "26%", priority: 1, cell: (row) => <Text>{row.description.slice(0, 300)}</Text> };
const EMAIL: Column<Row> = { id: "email", header: "E-mail", sort: "email", width: "16rem", priority: 2, cell: (row) => <Text>{row.email}</Text> };
const KIND: Column<Row> = { id: "kind", header: "Kind", sort: "kind", width: "8rem", priority: 2, cell: (row) => <Text>{row.kind}</Text> };

function part(header: string): Column<Row> {
  return { id: "system", header, ...(header === "System" ? { sort: "system" } : {}), width: "10rem", priority: 1, cell: (row) => ref(row.system) };
}

function groups({ groups: all }: Row) {
  return (
    <span className={styles.clip}>
      {all.slice(0, 3).map((group, i) => <span key={group}>{i > 0 && ", "}<EntityLink ref_={group} /></span>)}
      {all.length > 3 && <span className="fw-faint"> and {all.length - 3} more</span>}
    </span>
  );
}

function health(of: ReadonlyMap<string, Health>): Column<Row> {
  return {
    id: "health",
    header: "Health",
    width: "7.25rem",
    cell: ({ uid }) => {
      const found = of.get(uid);
      return found && found !== "unknown" ? <Status state={stateOfHealth(found)}>{HEALTH_WORDS[found]}</Status> : <HealthShape health={found} />;
    },
  };
}

/** Where there is room for what it is about. */
const PHONE = "(max-width: 559px)";
const WIDE = "(min-width: 1600px)";

export function useColumns(kind: string, healthOf: ReadonlyMap<string, Health>): Column<Row>[] {
  const isWide = useMediaQuery(WIDE, false, { getInitialValueInEffect: false });
  const isPhone = useMediaQuery(PHONE, false, { getInitialValueInEffect: false });
  return useMemo(() => {
    const columns = columnsOf(kind, healthOf);
    if (isPhone) return columns.filter((column) => column.priority === undefined).map((column) => narrow(column, healthOf));
    return columns.filter((column) => isWide || column !== DESCRIPTION);
  }, [kind, healthOf, isWide, isPhone]);
}

/** On a phone the name keeps most of the width; of the health its shape is left. */
function narrow(column: Column<Row>, healthOf: ReadonlyMap<string, Health>): Column<Row> {
  if (column.id === "owner") return { ...column, width: "30%" };
  if (column.id === "health") return { ...column, header: "", width: "32px", cell: ({ uid }) => <HealthShape health={healthOf.get(uid)} /> };
  return column;
}

function columnsOf(kind: string, healthOf: ReadonlyMap<string, Health>): Column<Row>[] {
  const name: Column<Row> = { id: "name", header: "Name", sort: "name", cell: (row) => <Name row={row} /> };
  switch (kind) {
    case "component": return [name, OWNER, TYPE, LIFECYCLE, health(healthOf), TAGS, DESCRIPTION];
    case "user": return [name, EMAIL, { id: "groups", header: "Groups", width: "24rem", priority: 2, cell: groups }, TAGS];
    case "group": return [name, TYPE, part("Parent"), { ...EMAIL, priority: 1 }, DESCRIPTION];
    case "domain": return [name, OWNER, TAGS, DESCRIPTION];
    case "system": return [name, OWNER, part("Domain"), TAGS, DESCRIPTION];
    case "location": return [name, TYPE, DESCRIPTION];
    case EVERY_KIND: return [name, KIND, OWNER, TYPE, LIFECYCLE, health(healthOf), TAGS];
    default: return [name, OWNER, TYPE, LIFECYCLE, part("System"), TAGS, DESCRIPTION];
  }
}
