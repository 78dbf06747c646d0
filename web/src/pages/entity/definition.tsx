// SPDX-License-Identifier: Apache-2.0
// What an API offers, by the kind of its definition; the text itself always beside it. Definitions are what others wrote: read with bounds.
import { SegmentedControl } from "@mantine/core";
import { useMemo } from "react";
import { parse } from "yaml";
import { useAddress } from "../../app/address";
import { Code, Empty } from "../../ui";
import type { CodeProps } from "../../ui";
import { OpenApi } from "./openapi";
import { Outline, outlineOf } from "./outline";
import { text } from "./entity";
import type { TabProps } from "./index";
import styles from "./entity.module.css";

const PARSED_MAX = 5_000_000;
const LANGUAGES: Record<string, NonNullable<CodeProps["language"]>> = { graphql: "graphql", grpc: "proto" };

function parsed(definition: string): { document?: Record<string, unknown>; problem?: string } {
  if (definition.length > PARSED_MAX) return { problem: "It is too long to be read here." };
  try {
    const document: unknown = definition.trimStart().startsWith("{") ? JSON.parse(definition) : parse(definition, { maxAliasCount: 100 });
    return document && typeof document === "object" && !Array.isArray(document) ? { document: document as Record<string, unknown> } : { problem: "It is no document with members." };
  } catch (cause) {
    return { problem: cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause) };
  }
}

export default function Definition({ entity }: TabProps) {
  const { query, setQuery } = useAddress();
  const definition = text(entity.spec?.["definition"]);
  const type = text(entity.spec?.["type"]).toLowerCase();
  const structured = type === "openapi" || type === "asyncapi";
  const read = useMemo(() => (structured ? parsed(definition) : {}), [structured, definition]);
  const outline = useMemo(() => (type === "openapi" ? null : outlineOf(type, definition, read.document)), [type, definition, read.document]);
  const hasView = type === "openapi" ? read.document !== undefined : outline !== null && outline.length > 0;
  const asText = query.get("form") === "text" || !hasView;
  if (!definition) return <Empty title="It has no definition" code="spec:\n  definition:\n    $text: ./openapi.yaml">An API says what it offers in</Empty>;
  return (
    <div className={styles.stack}>
      {hasView && <div><SegmentedControl size="xs" aria-label="Form" value={asText ? "text" : "view"} onChange={(form) => setQuery({ form: form === "text" ? form : null })} data={[{ value: "view", label: "Explore" }, { value: "text", label: "As text" }]} /></div>}
      {read.problem && <p role="alert">It cannot be read as {type}: {read.problem}</p>}
      {asText ? <Code text={definition} numbered label="The definition" language={LANGUAGES[type] ?? (definition.trimStart().startsWith("{") ? "json" : structured ? "yaml" : "text")} />
        : type === "openapi" && read.document ? <OpenApi document={read.document} /> : <Outline groups={outline ?? []} />}
    </div>
  );
}
