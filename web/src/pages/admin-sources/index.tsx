// SPDX-License-Identifier: Apache-2.0
// What the catalog reads: how the last read went, when the next one is, and what was refused where.
import { Button } from "@mantine/core";
import { again, call, useChange, useGet } from "../../api";
import type { Schemas } from "../../api";
import { useParams } from "../../app/address";
import { usePermissions } from "../../app/permissions";
import { DeniedOr, RecordList, RecordPage, isDenied, record } from "../../records";
import type { RowOf } from "../../records";
import { DataTable, Empty, EntityLink, ExternalLink, Link, Loaded, Panel, Status, Time, toast, toastProblem } from "../../ui";

type Source = RowOf<"/api/sources">;
type SourceProblem = Schemas["SourceProblems"]["items"][number];

const STATES: Record<string, { state: "good" | "bad" | "unknown"; label: string }> = { ok: { state: "good", label: "Read" }, failing: { state: "bad", label: "Failing" }, new: { state: "unknown", label: "Not read yet" } };
const ORIGINS: Record<string, string> = { config: "Settings", api: "Registered", manual: "Registered" };
const Standing = ({ row }: { row: Source }) => <Status state={STATES[row.state ?? ""]?.state ?? "unknown"}>{STATES[row.state ?? ""]?.label ?? row.state}</Status>;
const optionsOf = (of: Record<string, { label: string }>) => Object.entries(of).map(([value, { label }]) => ({ value, label }));

const source = record({
  path: "/api/sources",
  resource: "Source",
  one: "source",
  many: "sources",
  live: ["sources.*", "catalog.*", "locations.*"],
  every: 30_000,
  page: "/admin/sources",
  name: (row) => row.target ?? "",
  columns: () => [
    { id: "target", header: "What is read", sort: "target", width: "15rem", cell: (row) => <Link to={`/admin/sources/${row.id}`} dir="auto">{row.target}</Link> },
    { id: "type", header: "Type", sort: "type", width: "6rem", priority: 1, cell: (row) => row.type },
    { id: "origin", header: "From", sort: "origin", width: "8rem", priority: 1, cell: (row) => ORIGINS[row.origin ?? ""] ?? row.origin },
    { id: "state", header: "State", sort: "state", width: "8rem", cell: (row) => <Standing row={row} /> },
    { id: "read", header: "Last read", sort: "read_at", width: "9rem", priority: 2, cell: (row) => (row.read_at ? <Time at={row.read_at} /> : <span className="fw-faint">never</span>) },
    { id: "next", header: "Next read", sort: "next_read_at", width: "9rem", priority: 2, cell: (row) => row.next_read_at && <Time at={row.next_read_at} /> },
  ],
  filters: [{ name: "state", label: "State", options: optionsOf(STATES) }, { name: "origin", label: "From", options: [{ value: "config", label: "Settings" }, { value: "api", label: "Registered" }] }],
  search: true,
  can: { history: false },
  empty: {
    title: "The catalog reads nothing yet",
    text: <>Register a file by its URL, or name files and repositories in the settings.</>,
    code: "catalog:\n  locations:\n    - type: file\n      target: ./catalog/**/*.yaml\n    - type: url\n      target: https://github.com/acme/payments/blob/main/catalog-info.yaml",
  },
});

/** A line of a file on a code host that has addresses for lines. */
function lineOf(problem: SourceProblem): string | undefined {
  const address = problem.location.replace(/^url:/, "");
  if (!/^https?:\/\//.test(address)) return undefined;
  return problem.line ? `${address}#L${problem.line}` : address;
}

function Problems({ id }: { id: string }) {
  const problems = useGet("/api/sources/{id}/problems", { params: { path: { id } } }, { live: source.live, every: 30_000 });
  if (isDenied(problems.error)) return <DeniedOr error={problems.error} />;
  return (
    <Panel plain title="Problems">
      <Loaded query={problems} isEmpty={(data) => data.items.length === 0} empty={<Empty title="Nothing was refused">Everything that was read is in the catalog.</Empty>}>
        {(data) => (
          <DataTable
            label="Problems of the source" rows={data.items.map((problem, at) => ({ ...problem, at }))} rowKey={(row) => String(row.at)}
            columns={[
              { id: "message", header: "What is wrong", width: "16rem", cell: (row) => <span dir="auto">{row.message}</span> },
              {
                id: "where", header: "Where", width: "22rem",
                cell: (row) => {
                  const to = lineOf(row);
                  const text = <code>{row.location}{row.line ? `:${row.line}${row.column ? `:${row.column}` : ""}` : ""}</code>;
                  return to ? <ExternalLink href={to}>{text}</ExternalLink> : text;
                },
              },
              { id: "entity", header: "Entity", width: "14rem", priority: 2, cell: (row) => row.entity_ref && <EntityLink ref_={row.entity_ref} /> },
              { id: "found", header: "Since", width: "9rem", priority: 1, cell: (row) => <Time at={row.found_at} /> },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}

function Refresh({ row }: { row: Source }) {
  const { may } = usePermissions();
  const read = useChange(() => call("post", "/api/sources/{id}/refresh", { params: { path: { id: row.id } } }), ["/api/sources"]);
  const now = () => read.mutate(undefined, {
    onSuccess: () => {
      toast("It is read now.");
      setTimeout(() => void again("/api/sources"), 1500);
    },
    onError: toastProblem,
  });
  return may("Source:refresh") ? <Button variant="filled" loading={read.isPending} onClick={now}>Read it now</Button> : null;
}

export default function Sources() {
  const { id } = useParams();
  if (!id) {
    return <RecordList kind={source} lead="Everything the catalog reads, where it stands and what is wrong with it." primary={<Button component={Link} to="/catalog/-/register" variant="filled">Register a source</Button>} />;
  }
  return (
    <RecordPage
      kind={source}
      mark={(row) => <Standing row={row} />}
      primary={(row) => <Refresh row={row} />}
      facts={(row) => [
        ["Type", row.type],
        ["From", ORIGINS[row.origin ?? ""] ?? row.origin],
        ["Stands for it", row.entity_ref && <EntityLink ref_={row.entity_ref} />],
        ["Could not be read", row.error && <span dir="auto">{row.error}</span>],
        ["Last read", row.read_at && <Time at={row.read_at} />],
        ["Next read", row.next_read_at && <Time at={row.next_read_at} />],
        ["Last changed the catalog", row.changed_at && <Time at={row.changed_at} />],
      ]}
    >
      {(row) => <Problems id={row.id} />}
    </RecordPage>
  );
}
