// SPDX-License-Identifier: Apache-2.0
// The metadata as a form, and the text it makes beside it. What a file describes is changed in that file: then the text is there to copy.
import { Button, Modal, TagsInput, TextInput, Textarea } from "@mantine/core";
import { useState } from "react";
import { parse, stringify } from "yaml";
import { again, asProblem, call } from "../../api";
import { Code, Editor, ProblemView, toast } from "../../ui";
import type { Entity, Place } from "./entity";
import { text } from "./entity";
import styles from "./entity.module.css";

const ADDED = /^backstage\.io\/(managed-by-(origin-)?location|view-url|edit-url|orphan|source-location)$/;

/** As somebody would have written it. */
function written(entity: Entity): Entity {
  const { relations: _r, status: _s, ...rest } = entity;
  const { uid: _u, etag: _e, annotations, ...metadata } = rest.metadata as Entity["metadata"] & { etag?: string };
  const own = Object.fromEntries(Object.entries(annotations ?? {}).filter(([name]) => !ADDED.test(name)));
  return { ...rest, metadata: { ...metadata, ...(Object.keys(own).length > 0 ? { annotations: own } : {}) } };
}

export default function Edit({ entity, path, close }: { entity: Entity; path: Place; close: () => void }) {
  const [yaml, setYaml] = useState(() => stringify(written(entity), { lineWidth: 120 }));
  const [problem, setProblem] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const origin = entity.metadata.annotations?.["backstage.io/managed-by-location"] ?? "";
  const managed = origin !== "" && !/^(api|bootstrap):/.test(origin);

  let current: Entity | null = null;
  let mistakes: { line: number; column: number; message: string }[] = [];
  try {
    current = parse(yaml) as Entity;
  } catch (cause) {
    const at = (cause as { linePos?: { line: number; col: number }[] }).linePos?.[0];
    mistakes = [{ line: at?.line ?? 1, column: at?.col ?? 1, message: cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause) }];
  }
  const change = (with_: (draft: Entity) => void) => {
    if (!current) return;
    const draft = structuredClone(current);
    draft.metadata ??= { name: path.name };
    draft.spec ??= {};
    with_(draft);
    setYaml(stringify(draft, { lineWidth: 120 }));
  };
  const put = (holder: Record<string, unknown>, name: string, value: unknown) => {
    if (value === "" || (Array.isArray(value) && value.length === 0)) delete holder[name];
    else holder[name] = value;
  };
  const meta = (name: "title" | "description") => ({ value: text(current?.metadata?.[name]), onChange: (event: { currentTarget: { value: string } }) => { const { value } = event.currentTarget; change((draft) => put(draft.metadata as Record<string, unknown>, name, value)); }, disabled: !current });
  const spec = (name: string) => ({ value: text(current?.spec?.[name]), onChange: (event: { currentTarget: { value: string } }) => { const { value } = event.currentTarget; change((draft) => put(draft.spec as Record<string, unknown>, name, value)); }, disabled: !current });

  const save = async () => {
    if (!current) return;
    setBusy(true);
    setProblem(null);
    try {
      const etag = (entity.metadata as { etag?: string }).etag;
      await call("put", "/api/catalog/entities/by-name/{kind}/{namespace}/{name}", { params: { path: { ...path }, header: etag ? { "If-Match": `"${etag}"` } : {} } as never, body: current as never });
      await again("/api/catalog", "/api/services");
      toast("Saved");
      close();
    } catch (cause) {
      setProblem(asProblem(cause));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Modal opened onClose={close} size="min(1100px, 96vw)" title={`Edit ${path.name}`} closeOnClickOutside={false}>
      <div className={styles.stack}>
        {managed && <p>A file describes it: <code>{origin}</code>. Change it there; here you can make the new text and copy it.</p>}
        <div className={styles.split}>
          <div className={styles.stack}>
            <TextInput label="Title" {...meta("title")} data-autofocus />
            <Textarea label="Description" autosize minRows={2} maxRows={6} {...meta("description")} />
            <TextInput label="Owner" description="A group or user: group:default/team" {...spec("owner")} />
            <TextInput label="System" {...spec("system")} />
            <TextInput label="Type" {...spec("type")} />
            <TextInput label="Lifecycle" {...spec("lifecycle")} />
            <TagsInput label="Tags" value={Array.isArray(current?.metadata?.tags) ? current.metadata.tags.map(String) : []} disabled={!current} onChange={(value) => change((draft) => put(draft.metadata as Record<string, unknown>, "tags", value))} />
          </div>
          <div className={styles.stack}>
            {managed ? <Code text={yaml} language="yaml" label="The new text" lines={28} /> : <Editor label="The entity as text" language="yaml" value={yaml} onChange={setYaml} problems={mistakes} lines={28} />}
          </div>
        </div>
        {problem !== null && <ProblemView error={problem} />}
        <div className={styles.row}>
          {!managed && <Button variant="filled" onClick={() => void save()} loading={busy} disabled={!current}>Save it</Button>}
          <Button onClick={close}>{managed ? "Close" : "Cancel"}</Button>
        </div>
      </div>
    </Modal>
  );
}
