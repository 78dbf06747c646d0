// SPDX-License-Identifier: Apache-2.0
// The log of a job, read on from its last line while it runs.
import { useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { call } from "../../api";
import type { Schemas } from "../../api";
import { Empty, Loaded, LogView, Panel } from "../../ui";

const PAGE = 500;
const MOST = 20_000;

export function JobLog({ id, running }: { id: string; running: boolean }) {
  const known = useRef<Schemas["JobLogLine"][]>([]);
  const log = useQuery({
    queryKey: ["/api/jobs/{id}/log", { id }],
    queryFn: async () => {
      for (let more = true; more && known.current.length < MOST;) {
        const after = known.current.at(-1)?.line ?? 0;
        const { data } = await call("get", "/api/jobs/{id}/log", { params: { path: { id }, query: { after, limit: PAGE } } });
        known.current = [...known.current, ...data.items.filter((line) => line.line > after)];
        more = data.items.length === PAGE;
      }
      return known.current;
    },
    refetchInterval: running ? 1000 : false,
    meta: { live: ["jobs.*"] },
  });
  return (
    <Panel title="Log" plain>
      <Loaded query={log} isEmpty={(lines) => lines.length === 0} empty={<Empty title={running ? "It has said nothing yet" : "It has said nothing"} />}>
        {(lines) => <LogView label="Log of the job" following={running} lines={lines.map(({ line, at, attempt, message }) => ({ number: line, at, text: attempt > 1 ? `[attempt ${attempt}] ${message}` : message }))} />}
      </Loaded>
    </Panel>
  );
}
