// SPDX-License-Identifier: Apache-2.0
// What a definition of a kind means: the fields of its entities, its relations in words, an entity to begin with.
import type { ReactNode } from "react";
import { Code, DataTable, Empty, Panel } from "../../ui";
import styles from "./kinds.module.css";
import { beginningOf, outlineOf } from "./outline";

export interface Definition {
  name: string;
  apiVersions: string[];
  schema: unknown;
  relations: unknown;
  /** Below the fields of the form, beside which the page shows what is stored. */
  typed?: boolean;
}

interface Relation {
  field?: string;
  type?: string;
  inverse?: string;
  default_kind?: string;
}

function Part({ title, typed, children }: { title: string; typed: boolean; children: ReactNode }) {
  return typed ? <div><h3>{title}</h3>{children}</div> : <Panel plain title={title}>{children}</Panel>;
}

export function Preview({ name, apiVersions, schema, relations, typed = false }: Definition) {
  const asTyped = typed ? ", as typed" : "";
  const rows = outlineOf(schema);
  const known = Array.isArray(relations) ? (relations as (Relation | null)[]).filter((one): one is Relation => typeof one === "object" && one !== null) : [];
  return (
    <div className={styles.preview}>
      <Part typed={typed} title="Fields beyond those of every entity">
        <DataTable
          label={`Fields${asTyped}`} rows={rows} rowKey={(row) => row.path} empty={<Empty title="No fields of its own">Without a schema any <code>spec</code> is taken.</Empty>}
          columns={[
            { id: "path", header: "Field", width: "12rem", cell: (row) => <><code>{row.path}</code>{row.required && <span className="fw-faint"> required</span>}</> },
            { id: "type", header: "Type", width: "9rem", cell: (row) => row.type },
            { id: "words", header: "Means", width: "18rem", priority: 1, cell: (row) => <span dir="auto">{row.words}</span> },
          ]}
        />
      </Part>
      {known.length > 0 && (
        <Part typed={typed} title="Relations">
          <ul className={styles.relations}>
            {known.map((one, i) => <li key={i}><code>{one.field}</code> names {one.default_kind ? `a ${one.default_kind}` : "an entity"}: it is <code>{one.type}</code> that, which is <code>{one.inverse}</code> this.</li>)}
          </ul>
        </Part>
      )}
      <Part typed={typed} title="An entity begins so"><Code label={`An entity of the kind${asTyped}`} language="yaml" text={beginningOf(name, apiVersions, schema)} /></Part>
    </div>
  );
}
