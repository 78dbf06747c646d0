// SPDX-License-Identifier: Apache-2.0
// Whether the server is well: what serving depends on, its version and modules, what waits and what has failed.
import { useQuery } from "@tanstack/react-query";
import { call, useGet } from "../../api";
import { capital, useRecords } from "../../records";
import { Code, DataTable, Facts, Link, Loaded, Page, Panel, Status, formatDuration, formatNumber } from "../../ui";

const EVERY = 10_000;

/** Not being ready is an answer too: 503 with the same body. */
async function either(request: Request): Promise<Response> {
  const answer = await fetch(request);
  return answer.status === 503 ? new Response(await answer.text(), { status: 200, headers: answer.headers }) : answer;
}

function useReady() {
  return useQuery({
    queryKey: ["/api/ready", {}],
    queryFn: async () => (await call("get", "/api/ready", { fetch: either })).data,
    refetchInterval: EVERY,
  });
}

function Checks() {
  const ready = useReady();
  return (
    <Panel title="What serving depends on" plain>
      <Loaded query={ready}>
        {({ checks }) => (
          <DataTable
            label="Checks" rows={checks} rowKey={(row) => row.name}
            columns={[
              { id: "name", header: "Part", width: "10rem", cell: (row) => capital(row.name) },
              { id: "state", header: "State", width: "10rem", cell: (row) => <Status state={row.ready ? "good" : "bad"}>{row.ready ? "Ready" : "Not ready"}</Status> },
              { id: "reason", header: "What is missing", width: "24rem", priority: 3, cell: (row) => <span dir="auto">{row.reason}</span> },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}

function Server() {
  const index = useGet("/api", {}, { every: 60_000 });
  const health = useGet("/api/health", {}, { every: EVERY });
  return (
    <Panel title="The server">
      <Loaded query={index}>
        {(data) => (
          <Facts
            columns={2}
            rows={[
              ["Version", <code key="version">{data.version}</code>],
              ["Runs since", health.data ? formatDuration(health.data.uptime_seconds * 1000) : null],
              ["API", <><code>{data.api.version}</code>{data.api.versions.length > 1 && <span className="fw-faint"> also {data.api.versions.slice(1).join(", ")}</span>}</>],
              ["Modules", data.modules.map((module) => module.title).join(", ")],
              ["Metrics", <a key="metrics" href="/metrics">/metrics, as Prometheus reads them</a>],
              ["Contract", <a key="contract" href="/api/openapi.json">/api/openapi.json</a>],
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}

type Counted = Pick<ReturnType<typeof useRecords<{ id: string }>>, "data" | "error" | "isPending">;
const ask = (filter: Record<string, string[]>) => ({ limit: 1, total: true, fields: ["id"], ...filter });

function Count({ query, bad }: { query: Counted; bad: boolean }) {
  const total = query.data?.total;
  if (query.error && total === undefined) return <span className="fw-faint">not known: {query.error.message}</span>;
  if (total === undefined) return <span className="fw-faint">…</span>;
  return bad && total > 0 ? <Status state="bad">{formatNumber(total)}</Status> : <>{formatNumber(total)}</>;
}

/** What asks for somebody's attention, each with the page that shows it. */
function Attention() {
  const live = { every: EVERY, live: ["jobs.*", "sources.*", "webhooks.*"] };
  const dead = useRecords<{ id: string }>("/api/jobs", ask({ state: ["dead"] }), live);
  const waiting = useRecords<{ id: string }>("/api/jobs", ask({ state: ["queued", "failed"] }), live);
  const running = useRecords<{ id: string }>("/api/jobs", ask({ state: ["running"] }), live);
  const sources = useRecords<{ id: string }>("/api/sources", ask({ state: ["failing"] }), live);
  const hooks = useRecords<{ id: string }>("/api/webhooks", ask({ enabled: ["false"] }), live);
  return (
    <Panel title="Work and what needs a look">
      <Facts
        columns={2}
        rows={[
          ["Dead letters", <Link key="dead" to="/admin/jobs"><Count query={dead} bad /></Link>],
          ["Sources that fail", <Link key="sources" to="/admin/sources?state=failing"><Count query={sources} bad /></Link>],
          ["Jobs that wait", <Link key="waiting" to="/admin/jobs?state=queued"><Count query={waiting} bad={false} /></Link>],
          ["Jobs that run", <Link key="running" to="/admin/jobs?state=running"><Count query={running} bad={false} /></Link>],
          ["Webhooks that are off", <Link key="hooks" to="/admin/webhooks?enabled=false"><Count query={hooks} bad={false} /></Link>],
        ]}
      />
    </Panel>
  );
}

export default function System() {
  const ready = useReady();
  const mark = ready.data && <Status state={ready.data.status === "ok" ? "good" : "bad"}>{ready.data.status === "ok" ? "Ready" : "Not ready"}</Status>;
  return (
    <Page title="System" mark={mark} lead="Whether the server is well, and what waits for somebody.">
      <Attention />
      <Checks />
      <Server />
      <Panel title="From the command line" plain>
        <Code label="Commands that look at the server" language="sh" text={"fairway platform ready\nfairway platform health\nfairway jobs list --state dead"} />
      </Panel>
    </Page>
  );
}
