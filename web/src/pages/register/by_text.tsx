// SPDX-License-Identifier: Apache-2.0
// Writing entities from a text that is pasted or uploaded: checked while it is typed, then written one by one.
import { Button, FileButton } from "@mantine/core";
import { IconUpload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { again, asProblem, call } from "../../api";
import { Editor, Link, Loaded, Panel, ProblemView, entityPath, formatNumber, toast } from "../../ui";
import type { Entity } from "../catalog/plain";
import { useFindings } from "./compare";
import type { Finding } from "./compare";
import { TEXT_MAX, readText } from "./documents";
import type { Reading } from "./documents";
import { Findings } from "./findings";
import styles from "./register.module.css";

const WAIT_MS = 400;
const KEPT = "register-text";

const EXAMPLE = `apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: checkout
  description: Takes an order from the basket to the receipt.
  tags: [go]
spec:
  type: service
  lifecycle: production
  owner: group:default/payments
`;

function kept(): string {
  try {
    return sessionStorage.getItem(KEPT) ?? "";
  } catch {
    return "";
  }
}

/** Kept until the page is closed, so that nothing typed is lost on the way. */
export function keepText(text: string): void {
  try {
    if (text) sessionStorage.setItem(KEPT, text);
    else sessionStorage.removeItem(KEPT);
  } catch {
    // storage is off or full: the text holds until the page is left
  }
}

interface Written {
  done: number;
  failed: { ref: string; message: string }[];
}

async function write(entities: { entity: Entity; finding: Finding }[], told: (done: number) => void): Promise<Written> {
  const result: Written = { done: 0, failed: [] };
  for (const { entity, finding: { row } } of entities) {
    try {
      await call("put", "/api/catalog/entities/by-name/{kind}/{namespace}/{name}", { params: { path: { kind: row.kind, namespace: row.namespace, name: row.name } }, body: entity as never });
      result.done += 1;
      told(result.done);
    } catch (cause) {
      result.failed.push({ ref: row.ref, message: asProblem(cause).message });
    }
  }
  return result;
}

export function ByText() {
  const [text, setText] = useState(kept);
  const [settled, setSettled] = useState(text);
  const [tooLong, setTooLong] = useState("");
  const [busy, setBusy] = useState(-1);
  const [written, setWritten] = useState<Written>();
  useEffect(() => {
    keepText(text);
    const timer = setTimeout(() => setSettled(text), WAIT_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const isBlank = settled.trim() === "";
  const reading = useQuery<Reading, Error>({ queryKey: ["reading", settled], queryFn: ({ signal }) => readText(settled, signal), enabled: !isBlank, retry: false, gcTime: 0, placeholderData: (before) => before });
  const entities = useMemo(() => reading.data?.found.map((one) => one.entity), [reading.data]);
  const findings = useFindings(settled, isBlank || reading.isPlaceholderData ? undefined : entities, []);
  const problems = isBlank ? [] : (reading.data?.problems ?? []);
  const take = (next: string) => {
    setWritten(undefined);
    if (next.length > TEXT_MAX) setTooLong(`The text has ${formatNumber(next.length)} characters; at most ${formatNumber(TEXT_MAX)} are taken here. Use “fairway catalog import”.`);
    else {
      setTooLong("");
      setText(next);
    }
  };
  const isSettled = settled === text && !reading.isFetching && !findings.isFetching && !findings.isPlaceholderData;
  const writable = (findings.data ?? []).flatMap((finding, i) => {
    const entity = entities?.[i];
    return entity && finding.change !== "same" && !finding.managedBy ? [{ entity, finding }] : [];
  });
  const send = async () => {
    setBusy(0);
    const result = await write(writable, setBusy);
    setBusy(-1);
    setWritten(result);
    if (result.done > 0) toast(result.done === 1 ? "1 entity is written" : `${result.done} entities are written`);
    await again("/api/catalog", "findings");
  };
  return (
    <>
      <div className={styles.textHead}>
        <FileButton accept=".yaml,.yml,.json,application/yaml,application/json,text/yaml" onChange={(file) => { if (file) void file.text().then(take); }}>
          {(props) => <Button {...props} leftSection={<IconUpload size={16} aria-hidden="true" />}>Upload a file</Button>}
        </FileButton>
        {text.trim() === "" && <Button variant="subtle" onClick={() => take(EXAMPLE)}>Begin with an example</Button>}
        <span className="fw-faint">Or paste below. Several entities are parted by a line <code>---</code>.</span>
      </div>
      {tooLong && <ProblemView error={new Error(tooLong)} />}
      <Editor label="Entities as YAML" language="yaml" value={text} onChange={take} problems={problems} lines={18} />
      {!isBlank && problems.length > 0 && (
        <ul className={styles.problems} aria-live="polite">
          {problems.slice(0, 20).map(({ line, column, message }, i) => <li key={i}><strong>Line {line}, column {column}:</strong> {message}</li>)}
          {problems.length > 20 && <li>and {formatNumber(problems.length - 20)} more</li>}
        </ul>
      )}
      {!isBlank && (reading.error ? <ProblemView error={reading.error} retry={() => void reading.refetch()} /> : (
        <Panel title="What it would make">
          <Loaded query={findings} isEmpty={(data) => data.length === 0} empty={<p>{problems.length > 0 ? "Nothing yet: mend what is marked above." : "There is no entity in this text."}</p>}>
            {(data) => <Findings findings={data} />}
          </Loaded>
          {written && written.failed.length > 0 && (
            <ul className={styles.problems} role="alert">{written.failed.slice(0, 20).map(({ ref, message }) => <li key={ref}><strong>{ref}:</strong> {message}</li>)}</ul>
          )}
          {written && written.done > 0 && written.failed.length === 0 ? (
            <p className={styles.foot}>
              {findings.data?.length === 1 && findings.data[0] ? <Link to={entityPath(findings.data[0].row.ref)}>Show {findings.data[0].row.name}</Link> : <Link to="/catalog?kind=*">Show them in the catalog</Link>}
              <Button onClick={() => take("")}>Begin anew</Button>
            </p>
          ) : (
            <div className={styles.foot}>
              <Button variant="filled" disabled={!isSettled || problems.length > 0 || writable.length === 0} loading={busy >= 0} onClick={() => void send()}>
                {writable.length === 1 ? "Write 1 entity" : `Write ${formatNumber(writable.length)} entities`}
              </Button>
              <span className="fw-faint" role="status">{busy >= 0 ? `${busy} of ${writable.length} written` : "They are written once. What should follow a file is registered by its address."}</span>
            </div>
          )}
        </Panel>
      ))}
    </>
  );
}
