// SPDX-License-Identifier: Apache-2.0
// The permissions of a role as a table of resources and actions. What a wider pattern (`*:read`, `Team:*`) gives is ticked and fixed.
import { Checkbox, TextInput } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { useState } from "react";
import type { ReactNode } from "react";
import { sayResource } from "../../records";
import { Bones, ProblemView } from "../../ui";
import { COMMON, usePermissionsThereAre } from "./contract";
import styles from "./roles.module.css";

export interface MatrixProps {
  value: readonly string[];
  /** Without: to look at. */
  onChange?: (value: string[]) => void;
  disabled?: boolean;
  error?: ReactNode;
}

function givenBy(value: readonly string[], on: string, action: string): string | undefined {
  return value.find((pattern) => {
    const [resource = "", verb = ""] = pattern.split(":");
    return (resource === "*" || resource === on) && (verb === "*" || verb === action);
  });
}

interface CellProps extends MatrixProps {
  on: string;
  action: string;
  label?: string;
}

function Cell({ value, onChange, disabled, on, action, label }: CellProps) {
  const own = `${on}:${action}`;
  const by = givenBy(value, on, action);
  const isWider = by !== undefined && by !== own && !value.includes(own);
  const words = `${on === "*" ? "everything" : sayResource(on)}: ${action === "*" ? "all actions" : action}${isWider ? `, given by ${by}` : ""}`;
  if (!onChange) return by === undefined ? null : <span className={styles.given} title={words}><IconCheck size={16} role="img" aria-label={words} />{label}</span>;
  const isFixed = disabled === true || isWider;
  const toggle = () => onChange(value.includes(own) ? value.filter((pattern) => pattern !== own) : [...value, own]);
  return <Checkbox size="xs" checked={by !== undefined} disabled={isFixed} onChange={toggle} aria-label={words} title={words} {...(label ? { label } : {})} />;
}

/** Patterns that are in no row: of modules that are switched off, or written by hand. */
function unknown(value: readonly string[], resources: Map<string, string[]>): string[] {
  return value.filter((pattern) => {
    const [on = "", action = ""] = pattern.split(":");
    if (on === "*") return action !== "*" && !COMMON.includes(action);
    return !resources.has(on) || (action !== "*" && !(resources.get(on) ?? []).includes(action));
  });
}

export function PermissionMatrix(props: MatrixProps) {
  const { value, onChange, error } = props;
  const [find, setFind] = useState("");
  const { resources, error: failure, isPending } = usePermissionsThereAre();
  if (failure) return <ProblemView error={failure} />;
  if (isPending) return <Bones lines={8} />;
  const shown = [...resources].filter(([on, actions]) => {
    const text = find.trim().toLowerCase();
    const fits = !text || on.toLowerCase().includes(text) || sayResource(on).includes(text);
    return fits && (onChange !== undefined || actions.some((action) => givenBy(value, on, action)));
  });
  const rest = unknown(value, resources);
  return (
    <div className={styles.matrix}>
      {onChange && <TextInput label="Permissions" description="What a role gives, by resource and action." placeholder="Find a resource" value={find} onChange={(event) => setFind(event.currentTarget.value)} />}
      {error && <p className={styles.error}>{error}</p>}
      <div className={styles.scroll} tabIndex={0} role="group" aria-label="Permissions by resource and action">
        <table>
          <thead><tr><th scope="col">Resource</th>{["All", "Read", "Create", "Update", "Delete", "Other actions"].map((name) => <th key={name} scope="col">{name}</th>)}</tr></thead>
          <tbody>
            <tr className={styles.every}>
              <th scope="row">Everything</th>
              <td><Cell {...props} on="*" action="*" /></td>
              {COMMON.map((action) => <td key={action}><Cell {...props} on="*" action={action} /></td>)}
              <td />
            </tr>
            {shown.map(([on, actions]) => (
              <tr key={on}>
                <th scope="row"><code>{on}</code></th>
                <td><Cell {...props} on={on} action="*" /></td>
                {COMMON.map((action) => <td key={action}>{actions.includes(action) && <Cell {...props} on={on} action={action} />}</td>)}
                <td><div className={styles.others}>{actions.filter((action) => !COMMON.includes(action)).map((action) => <Cell key={action} {...props} on={on} action={action} label={action} />)}</div></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rest.length > 0 && <p>Also: {rest.map((pattern) => <code key={pattern} className={styles.pattern}>{pattern}</code>)} — of no module that runs here.</p>}
    </div>
  );
}
