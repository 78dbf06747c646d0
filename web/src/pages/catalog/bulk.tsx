// SPDX-License-Identifier: Apache-2.0
// What can be done with the selected entities at once. It lies over the foot of the window, so that nothing moves.
import { Button, CloseButton } from "@mantine/core";
import { IconCopy, IconDownload, IconRefresh } from "@tabler/icons-react";
import { useState } from "react";
import { asProblem, call } from "../../api";
import { usePermissions } from "../../app/permissions";
import { formatNumber, toast, toastProblem } from "../../ui";
import { save } from "./export";
import { plain } from "./plain";
import type { Entity } from "./plain";
import styles from "./catalog.module.css";

const AT_ONCE = 4;

/** Runs one call for each, a few at a time; says how many failed and why the first did. */
async function forEach(refs: string[], one: (ref: string) => Promise<unknown>): Promise<{ failed: number; first: unknown }> {
  const waiting = [...refs];
  let failed = 0;
  let first: unknown;
  const work = async () => {
    for (let ref = waiting.shift(); ref !== undefined; ref = waiting.shift()) {
      try {
        await one(ref);
      } catch (cause) {
        failed += 1;
        first ??= cause;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { failed, first };
}

async function download(refs: string[]): Promise<void> {
  const [{ data }, { stringify }] = await Promise.all([call("post", "/api/catalog/entities/by-refs", { body: { entityRefs: refs } }), import("yaml")]);
  save("catalog.yaml", "application/yaml", data.items.filter((item) => item !== null).map((item) => `---\n${stringify(plain(item as Entity), { aliasDuplicateObjects: false })}`));
}

export function BulkBar({ selected, clear }: { selected: ReadonlySet<string>; clear: () => void }) {
  const { may } = usePermissions();
  const [busy, setBusy] = useState("");
  if (selected.size === 0) return null;
  const refs = [...selected];
  const run = async (what: string, does: () => Promise<unknown>) => {
    setBusy(what);
    try {
      await does();
    } catch (cause) {
      toastProblem(cause);
    } finally {
      setBusy("");
    }
  };
  const copy = async () => {
    await navigator.clipboard.writeText(refs.join("\n"));
    toast(refs.length === 1 ? "The reference is copied" : `${refs.length} references are copied`);
  };
  const refresh = async () => {
    const { failed, first } = await forEach(refs, (entityRef) => call("post", "/api/catalog/refresh", { body: { entityRef } }));
    if (failed > 0) throw new Error(`${failed} of ${refs.length} could not be refreshed: ${asProblem(first).message}`);
    toast(refs.length === 1 ? "Its source is read again" : `The sources of ${refs.length} entities are read again`);
  };
  return (
    <div className={styles.bulk} role="region" aria-label="Selected entities">
      <strong>{formatNumber(selected.size)} selected</strong>
      <Button size="xs" leftSection={<IconCopy size={16} aria-hidden="true" />} loading={busy === "copy"} onClick={() => void run("copy", copy)}>Copy references</Button>
      {may("Entity:refresh") && <Button size="xs" leftSection={<IconRefresh size={16} aria-hidden="true" />} loading={busy === "refresh"} onClick={() => void run("refresh", refresh)}>Refresh</Button>}
      <Button size="xs" leftSection={<IconDownload size={16} aria-hidden="true" />} loading={busy === "download"} onClick={() => void run("download", () => download(refs))}>Download as YAML</Button>
      <CloseButton aria-label="Select none" onClick={clear} />
    </div>
  );
}
