// SPDX-License-Identifier: Apache-2.0
import { Button, Checkbox, Popover, TextInput } from "@mantine/core";
import { IconChevronDown, IconX } from "@tabler/icons-react";
import { useState } from "react";
import type { FacetMenuProps, FilterChipProps } from "./contract";
import { Bones, ProblemView } from "./loaded";
import { formatNumber } from "./values";
import styles from "./filters.module.css";

export function FilterChip({ label, value, remove }: FilterChipProps) {
  return (
    <span className={styles.chip}>
      <span className={styles.chipText} dir="auto"><span className={styles.chipLabel}>{label}</span> {value}</span>
      <button type="button" onClick={remove} aria-label={`Take off ${label} ${value}`}><IconX size={14} aria-hidden="true" /></button>
    </span>
  );
}

const MANY = 10;
const SHOWN = 200;

export function FacetMenu({ label, values, loading, error, picked, onPick, onOpen }: FacetMenuProps) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const toggle = (next: boolean) => {
    if (next) onOpen?.();
    else setText("");
    setOpen(next);
  };
  const fitting = (values ?? []).filter((one) => (one.label ?? one.value).toLowerCase().includes(text.toLowerCase()));
  const gone = picked.filter((value) => values && !values.some((one) => one.value === value)).map((value) => ({ value, count: 0, label: value }));
  const shown = [...gone, ...fitting].slice(0, SHOWN);
  return (
    <Popover opened={open} onChange={toggle} position="bottom-start" width={288} trapFocus returnFocus>
      <Popover.Target>
        <Button size="xs" rightSection={<IconChevronDown size={14} aria-hidden="true" />} onClick={() => toggle(!open)} data-on={picked.length > 0 || undefined} className={styles.facet}>
          {label}{picked.length > 0 && <span className={styles.picked}>{picked.length}</span>}
        </Button>
      </Popover.Target>
      <Popover.Dropdown className={styles.dropdown} aria-label={label}>
        {(values?.length ?? 0) > MANY && <TextInput size="xs" aria-label={`Find in ${label}`} placeholder="Find" value={text} onChange={(event) => setText(event.currentTarget.value)} data-autofocus />}
        <div className={styles.values}>
          {error ? <ProblemView error={error} compact /> : !values || loading ? <Bones lines={5} /> : shown.map((one) => (
            <Checkbox
              key={one.value} size="xs" checked={picked.includes(one.value)} classNames={{ body: styles.value ?? "", labelWrapper: styles.valueLabel ?? "" }}
              label={<><span dir="auto">{one.label ?? one.value}</span><span className="fw-faint">{formatNumber(one.count)}</span></>}
              onChange={() => onPick(picked.includes(one.value) ? picked.filter((value) => value !== one.value) : [...picked, one.value])}
            />
          ))}
          {values && shown.length === 0 && !error && <p className="fw-faint">{text ? `Nothing called “${text}”` : "Nothing to choose from"}</p>}
          {fitting.length > SHOWN && <p className="fw-faint">{formatNumber(fitting.length - SHOWN)} more: type to find one.</p>}
        </div>
        {picked.length > 0 && <Button size="compact-xs" onClick={() => onPick([])}>Take all off</Button>}
      </Popover.Dropdown>
    </Popover>
  );
}
