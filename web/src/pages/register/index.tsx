// SPDX-License-Identifier: Apache-2.0
// Bringing entities into the catalog: by the address of a file, or by a text. Both are looked at before anything is changed.
import { useAddress } from "../../app/address";
import { Link, Page, Tabs } from "../../ui";
import { ByAddress } from "./by_address";
import { ByText } from "./by_text";
import styles from "./register.module.css";

export default function Register() {
  const { query, withQuery } = useAddress();
  const isText = query.get("from") === "text";
  return (
    <Page
      title="Register entities"
      crumbs={[{ label: "Catalog", to: "/catalog" }]}
      lead={<p>Entities are described in YAML files. You see what they would make before anything is changed. <Link to="/catalog/-/locations">Show what is registered</Link></p>}
    >
      <Tabs
        label="Where the entities are"
        tabs={[{ label: "From an address", to: withQuery({ from: null }), current: !isText }, { label: "From a text", to: withQuery({ from: "text" }), current: isText }]}
      />
      <div className={styles.body}>{isText ? <ByText /> : <ByAddress />}</div>
    </Page>
  );
}
