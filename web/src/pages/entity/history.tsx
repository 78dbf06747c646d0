// SPDX-License-Identifier: Apache-2.0
// What it was, since when, by whom; what two revisions differ in; how it stood at a moment.
import { Button, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { useGet } from "../../api";
import { useAddress } from "../../app/address";
import { Changes, Code, Diff, Empty, Loaded, Panel, Time, Timeline } from "../../ui";
import { LIVE, asYaml } from "./entity";
import type { Entity, Place } from "./entity";
import type { TabProps } from "./index";
import styles from "./entity.module.css";

const PATH = "/api/catalog/entities/by-name/{kind}/{namespace}/{name}";

function Comparison({ place, from, to }: { place: Place; from: string; to: string }) {
  const path = { ...place };
  const diff = useGet(`${PATH}/diff`, { params: { path, query: { from: Number(from), to: Number(to) } } }, { keep: true });
  const before = useGet(`${PATH}/history/{revision}`, { params: { path: { ...path, revision: from } } });
  const after = useGet(`${PATH}/history/{revision}`, { params: { path: { ...path, revision: to } } });
  return (
    <Panel title={`Revision ${from} to ${to}`}>
      <div className={styles.stack}>
        <Loaded query={diff}>
          {(data) => <>
            <Changes changes={data.changes.map((one) => ({ path: one.path, before: one.from, after: one.value }))} />
            {!data.complete && <p className="fw-faint">There are more changes than are shown.</p>}
          </>}
        </Loaded>
        <Loaded query={before}>{(old) => <Loaded query={after}>{(now) => <Diff label={`Revision ${from} and ${to}`} before={asYaml(old.entity as unknown as Entity)} after={asYaml(now.entity as unknown as Entity)} language="yaml" />}</Loaded>}</Loaded>
      </div>
    </Panel>
  );
}

function AtATime({ place }: { place: Place }) {
  const { query, setQuery } = useAddress();
  const at = query.get("at") ?? "";
  const [typed, setTyped] = useState(at.slice(0, 16));
  const state = useGet(`${PATH}/state`, { params: { path: { ...place }, query: { at } } }, { enabled: at !== "" });
  const go = () => {
    const time = new Date(typed);
    if (!Number.isNaN(time.getTime())) setQuery({ at: time.toISOString() });
  };
  return (
    <Panel title="As it was">
      <div className={styles.stack}>
        <form className={styles.row} onSubmit={(event) => { event.preventDefault(); go(); }}>
          <TextInput type="datetime-local" label="At" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
          <Button type="submit" mt={24} disabled={!typed}>Show it</Button>
        </form>
        {at && <Loaded query={state}>{(data) => <><p>Revision {data.revision}, from <Time at={data.valid_from} absolute />{data.valid_to ? <> to <Time at={data.valid_to} absolute /></> : " until now"}</p><Code text={asYaml(data.entity as unknown as Entity)} language="yaml" numbered label="The entity as it was" lines={24} /></>}</Loaded>}
      </div>
    </Panel>
  );
}

export default function History({ place }: TabProps) {
  const { query, setQuery, withQuery } = useAddress();
  const [limit, setLimit] = useState(25);
  const history = useGet(`${PATH}/history`, { params: { path: { ...place }, query: { limit } } }, { live: LIVE, keep: true });
  const to = query.get("to");
  const from = query.get("from") ?? (to && Number(to) > 1 ? String(Number(to) - 1) : null);
  return (
    <div className={styles.columns}>
      <div className={styles.column}>
        {from && to ? <Comparison place={place} from={from} to={to} /> : <Empty title="Choose a revision">Then you see what it changed.</Empty>}
        <AtATime place={place} />
      </div>
      <Panel title="Revisions">
        <Loaded query={history} isEmpty={(data) => data.items.length === 0} empty={<Empty title="Nothing is known of its past" />}>
          {(data) => {
            const numbers = data.items.map((one) => String(one.revision));
            return (
              <div className={styles.stack}>
                {numbers.length > 1 && (
                  <div className={styles.row}>
                    <Select size="xs" label="From" data={numbers} value={from} onChange={(value) => setQuery({ from: value, to: to ?? numbers[0] ?? null })} w={88} />
                    <Select size="xs" label="To" data={numbers} value={to} onChange={(value) => setQuery({ to: value, from })} w={88} />
                  </div>
                )}
                <Timeline label="Revisions" more={data.next_cursor ? () => setLimit(Math.min(limit * 2, 500)) : undefined}
                  entries={data.items.map((one) => ({
                    id: `${one.uid}-${one.revision}`, at: one.valid_from, by: one.changed_by ?? "the catalog", state: one.deleted ? "bad" : "good",
                    title: one.revision === 1 ? "Came into the catalog" : `Revision ${one.revision}`, details: one.deleted ? <>Deleted <Time at={one.valid_to} /> by {one.ended_by ?? "the catalog"}</> : null,
                    ...(one.revision > 1 ? { to: withQuery({ from: String(one.revision - 1), to: String(one.revision) }) } : {}),
                  }))} />
              </div>
            );
          }}
        </Loaded>
      </Panel>
    </div>
  );
}
