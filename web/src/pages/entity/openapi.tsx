// SPDX-License-Identifier: Apache-2.0
// An explorer of OpenAPI 2 and 3: operations by tag, what each takes and gives, and a call to try.
import { Button, TextInput, Textarea } from "@mantine/core";
import { useMemo, useState } from "react";
import { useAddress } from "../../app/address";
import { Code, Empty, Facts, Link, Markdown, Panel } from "../../ui";
import { Schema, at, node, resolved, words } from "./schema";
import type { Node } from "./schema";
import styles from "./entity.module.css";

interface Operation {
  id: string;
  method: string;
  path: string;
  summary: string;
  tag: string;
  value: Node;
  shared: unknown[];
}

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const OPERATIONS_MAX = 2000;

function operationsOf(document: Node): Operation[] {
  const found: Operation[] = [];
  for (const [path, item] of Object.entries(node(document["paths"]))) {
    const there = resolved(document, item);
    for (const method of METHODS) {
      if (!there[method] || found.length >= OPERATIONS_MAX) continue;
      const value = node(there[method]);
      const tags = Array.isArray(value["tags"]) ? value["tags"] : [];
      found.push({ id: `${method} ${path}`, method, path, summary: words(value["summary"]) || words(value["operationId"]), tag: words(tags[0]) || "Operations", value, shared: Array.isArray(there["parameters"]) ? there["parameters"] : [] });
    }
  }
  return found;
}

function serverOf(document: Node): string {
  const servers = Array.isArray(document["servers"]) ? document["servers"] : [];
  const first = words(node(servers[0])["url"]);
  if (first) return first;
  const host = words(document["host"]);
  return host ? `${words((document["schemes"] as unknown[] | undefined)?.[0]) || "https"}://${host}${words(document["basePath"])}` : "";
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

function Try({ document, operation, parameters }: { document: Node; operation: Operation; parameters: Node[] }) {
  const [values, setValues] = useState<Record<string, string>>({});
  const [body, setBody] = useState("");
  const [server, setServer] = useState(() => serverOf(document));
  const [answer, setAnswer] = useState<{ status: string; text: string } | null>(null);
  const of = (place: string) => parameters.filter((one) => words(one["in"]) === place);
  const path = operation.path.replace(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? `{${name}}`));
  const query = new URLSearchParams(of("query").flatMap((one) => { const name = words(one["name"]); return values[name] ? [[name, values[name] ?? ""]] : []; })).toString();
  const url = `${server.replace(/\/$/, "")}${path}${query ? `?${query}` : ""}`;
  const headers = of("header").flatMap((one) => { const name = words(one["name"]); return values[name] ? [[name, values[name] ?? ""] as const] : []; });
  const takesBody = ["post", "put", "patch"].includes(operation.method);
  const command = [`curl -X ${operation.method.toUpperCase()} ${quoted(url)}`, ...headers.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`), ...(takesBody && body ? [`-H 'Content-Type: application/json'`, `--data ${quoted(body)}`] : [])].join(" \\\n  ");
  let here = false;
  try {
    here = new URL(url, location.origin).origin === location.origin;
  } catch {
    // no address yet
  }
  const send = async () => {
    try {
      // What a definition says others wrote: it is not called in the name of who looks at it.
      const response = await fetch(url, { credentials: "omit", method: operation.method.toUpperCase(), headers: Object.fromEntries([...headers, ...(takesBody && body ? [["Content-Type", "application/json"]] : [])]) as Record<string, string>, ...(takesBody && body ? { body } : {}) });
      setAnswer({ status: `${response.status} ${response.statusText}`, text: (await response.text()).slice(0, 100_000) });
    } catch (cause) {
      setAnswer({ status: "No answer", text: cause instanceof Error ? cause.message : String(cause) });
    }
  };
  return (
    <Panel title="Try it" level={3}>
      <div className={styles.stack}>
        <TextInput size="xs" label="Server" value={server} onChange={(event) => setServer(event.currentTarget.value)} />
        {parameters.filter((one) => ["path", "query", "header"].includes(words(one["in"]))).slice(0, 40).map((one) => {
          const name = words(one["name"]);
          return <TextInput key={`${words(one["in"])} ${name}`} size="xs" label={`${name} (${words(one["in"])})`} required={one["required"] === true} value={values[name] ?? ""} onChange={(event) => { const { value } = event.currentTarget; setValues((before) => ({ ...before, [name]: value })); }} />;
        })}
        {takesBody && <Textarea size="xs" label="Body (JSON)" autosize minRows={3} maxRows={12} value={body} onChange={(event) => setBody(event.currentTarget.value)} />}
        <Code text={command} language="sh" label="The command" />
        {here ? <div><Button size="xs" onClick={() => void send()}>Send it</Button></div> : <p className="fw-faint">It is another server: copy the command. This page calls its own server only.</p>}
        {answer && <><p role="status">{answer.status}</p><Code text={answer.text || "(empty)"} language="json" label="The answer" lines={20} /></>}
      </div>
    </Panel>
  );
}

function Details({ document, operation }: { document: Node; operation: Operation }) {
  const own = Array.isArray(operation.value["parameters"]) ? operation.value["parameters"] : [];
  const parameters = [...operation.shared, ...own].slice(0, 100).map((one) => resolved(document, one));
  const content = node(resolved(document, operation.value["requestBody"])["content"]);
  const old = parameters.find((one) => words(one["in"]) === "body");
  const body = node(Object.values(content)[0])["schema"] ?? old?.["schema"];
  return (
    <div className={styles.stack}>
      <h2><span className={styles.method}>{operation.method.toUpperCase()}</span> <code>{operation.path}</code></h2>
      {operation.summary && <p dir="auto">{operation.summary}</p>}
      {operation.value["deprecated"] === true && <p>It is deprecated.</p>}
      {words(operation.value["description"]) && <Markdown text={words(operation.value["description"])} />}
      {parameters.length > 0 && (
        <Panel title="Takes" level={3}>
          <Facts rows={parameters.filter((one) => words(one["in"]) !== "body").map((one): [string, React.ReactNode] => [words(one["name"]), <span key={words(one["name"])}><span className="fw-faint">{words(one["in"])}{one["required"] === true ? ", required" : ""}</span> <code>{words(node(resolved(document, one["schema"]))["type"]) || words(one["type"])}</code> <span dir="auto">{words(one["description"])}</span></span>])} />
        </Panel>
      )}
      {body !== undefined && <Panel title="Body" level={3}><Schema document={document} schema={body} /></Panel>}
      <Panel title="Answers" level={3}>
        <div className={styles.stack}>
          {Object.entries(node(operation.value["responses"])).slice(0, 40).map(([status, value]) => {
            const response = resolved(document, value);
            const schema = node(Object.values(node(response["content"]))[0])["schema"] ?? response["schema"];
            return <details key={status} open={status.startsWith("2")}><summary><code>{status}</code> <span dir="auto">{words(response["description"])}</span></summary>{schema !== undefined && <Schema document={document} schema={schema} />}</details>;
          })}
        </div>
      </Panel>
      <Try key={operation.id} document={document} operation={operation} parameters={parameters} />
    </div>
  );
}

export function OpenApi({ document }: { document: Node }) {
  const { query, withQuery } = useAddress();
  const [text, setText] = useState("");
  const operations = useMemo(() => operationsOf(document), [document]);
  const wanted = text.toLowerCase();
  const shown = operations.filter((one) => !wanted || `${one.method} ${one.path} ${one.summary} ${one.tag}`.toLowerCase().includes(wanted));
  const groups = [...new Set(shown.map((one) => one.tag))];
  const current = operations.find((one) => one.id === query.get("operation")) ?? operations[0];
  if (operations.length === 0) return <Empty title="It has no operations" />;
  const info = node(at(document, "info"));
  return (
    <div className={styles.stack}>
      <p><strong dir="auto">{words(info["title"])}</strong> <span className="fw-faint">{words(info["version"])} · {operations.length} operations</span></p>
      <div className={styles.operations}>
        <div className={styles.stack}>
          <TextInput size="xs" aria-label="Find an operation" placeholder="Find an operation" value={text} onChange={(event) => setText(event.currentTarget.value)} />
          <nav className={styles.operationList} aria-label="Operations" tabIndex={0}>
            {groups.map((tag) => (
              <div key={tag}>
                <h3 dir="auto">{tag}</h3>
                {shown.filter((one) => one.tag === tag).map((one) => <Link key={one.id} to={withQuery({ operation: one.id })} aria-current={one === current ? "true" : undefined} title={one.summary}><span className={styles.method}>{one.method.toUpperCase()}</span><code>{one.path}</code></Link>)}
              </div>
            ))}
            {shown.length === 0 && <p className="fw-faint">None is called so.</p>}
          </nav>
        </div>
        {current && <Details key={current.id} document={document} operation={current} />}
      </div>
    </div>
  );
}
