// SPDX-License-Identifier: Apache-2.0
// The catalog: which kind, whose, which filters; a page of rows; what to do with the selected ones.
import { Button, Drawer, Select } from "@mantine/core";
import { IconFilter } from "@tabler/icons-react";
import { useEffect, useMemo, useState } from "react";
import { useKeys } from "../../app/keys";
import { useMe } from "../../app/me";
import { usePermissions } from "../../app/permissions";
import { Page, ProblemView, Tabs, formatNumber } from "../../ui";
import { BulkBar } from "./bulk";
import { questionOf } from "./conditions";
import type { Question } from "./conditions";
import { RegisterLink } from "./empty";
import { ExportMenu } from "./export";
import { FacetButtons, FilterLine } from "./facets";
import { FilterField } from "./filter_field";
import { KindMenu, kindLabel } from "./kinds";
import { List } from "./list";
import { useEntities, useMine } from "./queries";
import { groupsOf, useCatalogAddress } from "./state";
import type { CatalogAddress } from "./state";
import styles from "./catalog.module.css";

const NOBODY: ReadonlySet<string> = new Set();

function GroupSelect({ address: { state, setGroup } }: { address: CatalogAddress }) {
  const data = [{ value: "", label: "No groups" }, ...groupsOf(state.kind).map(({ id, label }) => ({ value: id, label: `By ${label.toLowerCase()}` }))];
  return <Select size="xs" className={styles.group} aria-label="Group by" data={data} value={state.group?.id ?? ""} allowDeselect={false} onChange={(value) => setGroup(value || null)} />;
}

/** How many there are, for those who look and those who listen. */
function Total({ question, address: { state } }: { question: Question | undefined; address: CatalogAddress }) {
  const { data } = useEntities(question, { kind: state.kind, sort: state.sort, cursor: state.cursor });
  return <span role="status" className={styles.total}>{data ? `${formatNumber(data.totalItems)} ${data.totalItems === 1 ? "entity" : "entities"}` : ""}</span>;
}

export default function Catalog() {
  const address = useCatalogAddress();
  const { state } = address;
  const me = useMe();
  const { may } = usePermissions();
  const [drawer, setDrawer] = useState(false);
  const [picked, setPicked] = useState<ReadonlySet<string>>(NOBODY);
  const { mine, error, retry } = useMine(state.scope === "owned");
  const known = state.scope === "owned" ? mine : [];
  const question = useMemo(() => known && questionOf(state, known), [state, known?.join(" ")]);

  // Those selected belong to what was asked; on other pages of it they stay.
  const asked = JSON.stringify([question, state.open]);
  useEffect(() => setPicked(NOBODY), [asked]);
  useKeys({ Escape: () => setPicked(NOBODY) }, [{ keys: "Escape", does: "Select none" }]);

  const scopes = [{ scope: "all", label: "All" }, ...(me ? [{ scope: "owned", label: "Owned" }] : [])];
  return (
    <Page title="Catalog" mark={state.open === undefined ? <Total question={question} address={address} /> : undefined} actions={may("Location:create") ? <RegisterLink /> : undefined}>
      {scopes.length > 1 && (
        <Tabs
          label="Which entities"
          tabs={scopes.map(({ scope, label }) => ({ label, to: address.link({ scope: scope === "all" ? null : scope }), current: state.scope === scope }))}
        />
      )}
      <div className={styles.body}>
        <div className={styles.line}>
          <KindMenu kind={state.kind} setKind={address.setKind} />
          <FilterField value={state.q} onChange={address.setText} label={`Filter ${kindLabel(state.kind).toLowerCase()} by text`} />
          <div className={styles.facets}><FacetButtons question={question} address={address} /></div>
          <Button size="xs" className={styles.drawerButton} leftSection={<IconFilter size={16} aria-hidden="true" />} onClick={() => setDrawer(true)} aria-haspopup="dialog">
            Filters{address.filters > 0 ? ` (${address.filters})` : ""}
          </Button>
          <div className={styles.lineEnd}><GroupSelect address={address} /><ExportMenu question={question} state={state} /></div>
        </div>
        <FilterLine address={address} />
        {error ? <ProblemView error={error} retry={retry} /> : <List question={question} address={address} selected={picked} select={setPicked} />}
      </div>
      <BulkBar selected={picked} clear={() => setPicked(NOBODY)} />
      <Drawer opened={drawer} onClose={() => setDrawer(false)} title="Filters" position="right" size="min(360px, 100%)">
        <div className={styles.drawer}>
          <FacetButtons question={question} address={address} />
          <GroupSelect address={address} />
          <FilterLine address={address} />
          <ExportMenu question={question} state={state} />
        </div>
      </Drawer>
    </Page>
  );
}
