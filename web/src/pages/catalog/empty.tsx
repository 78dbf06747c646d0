// SPDX-License-Identifier: Apache-2.0
// Nothing to show: what belongs here and how it comes here, or which filter to take off.
import { Button } from "@mantine/core";
import { useMemo } from "react";
import { Empty, Link, formatNumber } from "../../ui";
import type { Question } from "./conditions";
import { valueLabel } from "./facets";
import { kindLabel, useKinds } from "./kinds";
import { useEntities } from "./queries";
import { EVERY_KIND, FACETS } from "./state";
import type { CatalogAddress } from "./state";
import styles from "./catalog.module.css";

const IMPORT = "fairway catalog import ./catalog-info.yaml";

export function RegisterLink({ primary = false }: { primary?: boolean }) {
  return <Button component={Link} to="/catalog/-/register" variant={primary ? "filled" : "default"}>Register entities</Button>;
}

/** How many there would be without one of the filters: the one to take off is named. */
function Without({ question, index, kind, label, remove }: { question: Question; index: number; kind: string; label: string; remove: () => void }) {
  const without: Question = index < 0 ? { ...question, text: "" } : { ...question, all: question.all.filter((_, i) => i !== index) };
  const { data } = useEntities(without, { kind, sort: { by: "name", descending: false }, cursor: "", limit: 1 });
  if (!data || data.totalItems === 0) return null;
  return <li><Button size="compact-sm" onClick={remove}>Take off {label}: {formatNumber(data.totalItems)} match</Button></li>;
}

function NothingMatches({ question, address }: { question: Question; address: CatalogAddress }) {
  const { state } = address;
  const removals = useMemo(() => {
    const facets = question.all.flatMap((condition, index) => {
      const facet = FACETS.find((one) => one.id === condition.facet);
      if (!facet) return [];
      return [{ index, label: `${facet.label}: ${condition.values.map((value) => valueLabel(facet, value)).join(", ")}`, remove: () => address.setPicked(facet.id, []) }];
    });
    return question.text ? [...facets, { index: -1, label: `“${question.text}”`, remove: () => address.setText("") }] : facets;
  }, [question, address]);
  return (
    <Empty title="Nothing matches all of these filters" action={<Button onClick={address.clear}>Clear all filters</Button>}>
      <ul className={styles.removals}>
        {removals.slice(0, 6).map(({ index, label, remove }) => <Without key={label} question={question} index={index} kind={state.kind} label={label.length > 60 ? `${label.slice(0, 60)}…` : label} remove={remove} />)}
      </ul>
    </Empty>
  );
}

function NoneOfKind({ address }: { address: CatalogAddress }) {
  const { kinds, total } = useKinds();
  const { state } = address;
  const others = kinds.filter((one) => (one.count ?? 0) > 0 && one.kind !== state.kind);
  if (total !== undefined && others.length > 0) {
    return (
      <Empty title={`No ${kindLabel(state.kind).toLowerCase()} yet`} code={IMPORT} action={<RegisterLink primary />}>
        <p>The catalog holds {others.map((one, i) => <span key={one.kind}>{i > 0 && ", "}<Link to={`/catalog?kind=${encodeURIComponent(one.kind)}`}>{formatNumber(one.count ?? 0)} {one.label}</Link></span>)}.</p>
      </Empty>
    );
  }
  return (
    <Empty title="The catalog is empty" code={IMPORT} action={<RegisterLink primary />}>
      <p>
        It lists your services, websites, libraries, APIs and who owns them. Each repository describes its own in a file <code>catalog-info.yaml</code>. Bring one in with the command below, register
        its address so that it is read again and again, or name folders and repositories under <code>catalog.locations</code> in the configuration.
      </p>
    </Empty>
  );
}

export function NothingThere({ question, address }: { question: Question | undefined; address: CatalogAddress }) {
  const { state, filters, link } = address;
  if (state.cursor) return <Empty title="Nothing is left on this page" action={<Button onClick={() => address.setPlace(null, 0)}>Go to the first page</Button>} />;
  if (filters > 0 && question) return <NothingMatches question={question} address={address} />;
  const all = <Button component={Link} to={link({ scope: null })}>Show all</Button>;
  if (state.scope === "owned") {
    return <Empty title={state.kind === EVERY_KIND ? "You own nothing here" : `You own no ${kindLabel(state.kind).toLowerCase()}`} action={all}>
      <p>What names you or one of your groups as its owner is shown here: <code>owner: group:default/your-team</code> in its file.</p>
    </Empty>;
  }
  return <NoneOfKind address={address} />;
}
