// SPDX-License-Identifier: Apache-2.0
import { Button, SegmentedControl } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useAddress } from "../../app/address";
import { Code } from "../../ui";
import { asYaml, download } from "./entity";
import type { TabProps } from "./index";
import styles from "./entity.module.css";

export default function Raw({ entity }: TabProps) {
  const { query, setQuery } = useAddress();
  const isJson = query.get("form") === "json";
  const shown = isJson ? `${JSON.stringify(entity, null, 2)}\n` : asYaml(entity, true);
  const lines = shown.split("\n");
  // A problem that names a part of the entity is marked at the line of that part.
  const marks = (entity.status?.items ?? []).flatMap((item) => {
    const path = /(?:\/|\b)(spec|metadata)[/.]([\w-]+)/.exec(item.message ?? "")?.[2];
    const line = path ? lines.findIndex((one) => new RegExp(`^\\s*"?${path.replace(/[^\w-]/g, "")}"?:`).test(one)) + 1 : 0;
    return line > 0 ? [{ line, message: item.message ?? "", state: "bad" as const }] : [];
  });
  return (
    <div className={styles.stack}>
      <div className={styles.row}>
        <SegmentedControl size="xs" aria-label="Form" value={isJson ? "json" : "yaml"} onChange={(form) => setQuery({ form: form === "json" ? form : null }, { replace: true })} data={[{ value: "yaml", label: "YAML" }, { value: "json", label: "JSON" }]} />
        <Button size="xs" leftSection={<IconDownload size={14} aria-hidden="true" />} onClick={() => download(`${entity.metadata.name}.${isJson ? "json" : "yaml"}`, isJson ? "application/json" : "application/yaml", shown)}>Download</Button>
      </div>
      <Code text={shown} language={isJson ? "json" : "yaml"} numbered marks={marks} label="The entity as text" />
    </div>
  );
}
