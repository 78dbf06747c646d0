// SPDX-License-Identifier: Apache-2.0
// What needs somebody: services of theirs that are not well, keys that end, work of the server that has failed.
import { useMemo } from "react";
import { useGet } from "../../api";
import { usePermissions } from "../../app/permissions";
import { Link, Panel, ProblemView, Status, Time, entityPath } from "../../ui";
import type { State } from "../../ui";
import styles from "./home.module.css";
import type { MyServices } from "./services";

const SOON_MS = 14 * 86_400_000;
const MOST = 8;

interface Waiting {
  key: string;
  state: State;
  words: string;
  what: string;
  to: string;
  at?: string;
}

function useAccount(userId: string | undefined): { found: Waiting[]; error: Error | null; retry: () => void; isPending: boolean } {
  const on = { enabled: userId !== undefined };
  const keys = useGet("/api/api-keys", { params: { query: { user_id: [userId ?? ""], sort: ["expires_at"], limit: 50 } } }, { ...on, live: ["api-keys.*"] });
  const factors = useGet("/api/auth/second-factors", {}, on);
  const found = useMemo(() => {
    const now = Date.now();
    const ending = (keys.data?.items ?? [])
      .filter(({ expires_at: at }) => Date.parse(at) > now && Date.parse(at) < now + SOON_MS)
      .map((key): Waiting => ({ key: key.id ?? key.name, state: "warn", words: "Ends soon", what: `API key “${key.name}”`, to: "/profile/keys", at: key.expires_at }));
    const left = factors.data && (factors.data.totp || factors.data.passkeys > 0) ? factors.data.recovery_codes : undefined;
    if (left !== undefined && left <= 3) ending.push({ key: "codes", state: left === 0 ? "bad" : "warn", words: `${left} left`, what: "Recovery codes run out: make new ones", to: "/profile/security" });
    return ending;
  }, [keys.data, factors.data]);
  return { found, error: keys.error ?? factors.error, retry: () => { void keys.refetch(); void factors.refetch(); }, isPending: userId !== undefined && (keys.isPending || factors.isPending) };
}

/** What of the server's own work has failed, for those who look after it. A refusal only says that it is not their work. */
function useServerWork(): Waiting[] {
  const { may } = usePermissions();
  const count = { limit: 1, total: true } as const;
  const jobs = useGet("/api/jobs", { params: { query: { ...count, state: ["dead"] } } }, { enabled: may("Job:read"), live: ["jobs.*"] });
  const sources = useGet("/api/sources", { params: { query: { ...count, state: ["failing"] } } }, { enabled: may("Source:read"), live: ["sources.*", "catalog.*"] });
  const failed = (key: string, number: number | undefined, one: string, many: string, to: string): Waiting[] =>
    (number ? [{ key, state: "bad", words: "Failed", what: `${number} ${number === 1 ? one : many}`, to }] : []);
  return [
    ...failed("jobs", jobs.data?.total, "job has used up its attempts", "jobs have used up their attempts", "/admin/jobs"),
    ...failed("sources", sources.data?.total, "source of the catalog cannot be read", "sources of the catalog cannot be read", "/admin/sources?state=failing"),
  ];
}

function useUnwell({ rows, health }: MyServices): Waiting[] {
  return useMemo(() => rows.flatMap((row): Waiting[] => {
    const one = health.get(row.uid);
    if (one !== "unhealthy" && one !== "degraded") return [];
    return [{ key: row.ref, state: one === "unhealthy" ? "bad" : "warn", words: one === "unhealthy" ? "Unhealthy" : "Degraded", what: row.title || row.name, to: entityPath(row.ref) }];
  }), [rows, health]);
}

export function WaitingPanel({ services, userId }: { services: MyServices; userId: string | undefined }) {
  const unwell = useUnwell(services);
  const account = useAccount(userId);
  const work = useServerWork();
  const all = [...unwell, ...work, ...account.found];
  const shown = all.slice(0, MOST);
  return (
    <Panel title="Waiting for you" id="waiting">
      {account.error && <ProblemView error={account.error} retry={account.retry} compact />}
      {shown.length > 0 ? (
        <ul className={styles.waiting}>
          {shown.map((one) => (
            <li key={one.key}><Status state={one.state}>{one.words}</Status><Link to={one.to} dir="auto">{one.what}</Link>{one.at && <span className="fw-faint"><Time at={one.at} /></span>}</li>
          ))}
        </ul>
      ) : !account.error && <p className="fw-faint">{account.isPending || services.isPending ? "Looking…" : "Nothing. Everything of yours is well."}</p>}
      {all.length > MOST && <p className="fw-faint">And {all.length - MOST} more.</p>}
    </Panel>
  );
}
