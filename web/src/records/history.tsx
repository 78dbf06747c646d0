// SPDX-License-Identifier: Apache-2.0
// The changes of a record, newest first, each with what was before and after.
import { useState } from "react";
import { Changes, Empty, Loaded, Timeline } from "../ui";
import type { State, TimelineEntry } from "../ui";
import { useHistory } from "./api";
import { changesOf } from "./changes";
import type { Collection, RecordKind } from "./kind";
import { sayAction } from "./words";

const STEP = 20;
const MOST = 500;

function stateOf(action: string): State {
  if (action.endsWith(".deleted")) return "bad";
  return action.endsWith(".created") || action.endsWith(".restored") ? "good" : "unknown";
}

export function RecordHistory<P extends Collection>({ kind, id }: { kind: RecordKind<P>; id: string }) {
  const [limit, setLimit] = useState(STEP);
  const history = useHistory(kind.path, id, kind.live, limit);
  return (
    <Loaded query={history} isEmpty={(data) => data.items.length === 0} empty={<Empty title="Nothing is known of its past">It was made before its changes were kept, or you may not see them.</Empty>}>
      {(data) => {
        const entries = data.items.map((entry): TimelineEntry => {
          const changes = changesOf(entry.before, entry.after);
          return {
            id: entry.id, at: entry.at, title: sayAction(entry.action), by: entry.actor_name ?? "the system", state: stateOf(entry.action),
            ...(changes.length > 0 ? { details: <Changes changes={changes} /> } : {}),
          };
        });
        return <Timeline label={`History of the ${kind.one}`} entries={entries} more={data.next_cursor && limit < MOST ? () => setLimit(Math.min(MOST, limit + STEP * 2)) : undefined} />;
      }}
    </Loaded>
  );
}
