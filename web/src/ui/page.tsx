// SPDX-License-Identifier: Apache-2.0
// A page, its panels, its tabs.
import { Component, useEffect, useId } from "react";
import type { ReactNode } from "react";
import type { PageProps, PanelProps, TabsProps } from "./contract";
import { Link } from "./link";
import { ProblemView } from "./loaded";
import styles from "./page.module.css";

export function Page({ title, documentTitle, crumbs, mark, lead, actions, narrow, children }: PageProps) {
  useEffect(() => {
    document.title = `${documentTitle ?? title} · Fairway`;
  }, [documentTitle, title]);
  return (
    <div className={narrow ? styles.narrow : undefined}>
      {crumbs && crumbs.length > 0 && (
        <nav className="fw-crumbs" aria-label="Where this is">
          {crumbs.map(({ label, to }) => <span key={label}>{to ? <Link to={to}>{label}</Link> : label}<span aria-hidden="true"> /</span></span>)}
          <span aria-current="page" dir="auto">{title}</span>
        </nav>
      )}
      <div className={styles.head}>
        <div className={styles.title}><h1 dir="auto">{title}</h1>{mark}</div>
        {actions && <div className={styles.actions}>{actions}</div>}
      </div>
      {lead && <div className={styles.lead}>{lead}</div>}
      <div className={styles.content}>{children}</div>
    </div>
  );
}

/** Keeps what its children throw, so that the rest of the page stands. */
class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };
  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }
  override render(): ReactNode {
    return this.state.error === null ? this.props.children : <ProblemView error={this.state.error} retry={() => this.setState({ error: null })} />;
  }
}

export function Panel({ title, level = 2, actions, plain, id, children }: PanelProps) {
  const heading = useId();
  const Heading = level === 3 ? "h3" : "h2";
  return (
    <section className={plain ? styles.plain : styles.panel} id={id} aria-labelledby={title ? heading : undefined}>
      {(title || actions) && (
        <div className={styles.panelHead}>
          {title && <Heading id={heading} className={styles.heading}>{title}</Heading>}
          {actions && <div className={styles.actions}>{actions}</div>}
        </div>
      )}
      <Boundary>{children}</Boundary>
    </section>
  );
}

export function Tabs({ label, tabs }: TabsProps) {
  return (
    <nav className={styles.tabs} aria-label={label}>
      {tabs.map((tab) => (
        <Link key={tab.to} to={tab.to} className={styles.tab} aria-current={tab.current ? "page" : undefined}>
          {tab.label}{tab.count !== undefined && <span className={styles.count}>{tab.count.toLocaleString("en")}</span>}
        </Link>
      ))}
    </nav>
  );
}
