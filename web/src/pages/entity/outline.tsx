// SPDX-License-Identifier: Apache-2.0
// Outlines of definitions that are not OpenAPI: channels of AsyncAPI, types of GraphQL, services and messages of Protocol Buffers.
import { Code, Facts, Panel } from "../../ui";
import styles from "./entity.module.css";

export interface OutlineGroup {
  title: string;
  items: { name: string; note?: string; text?: string; language?: "yaml" | "graphql" | "proto" }[];
}

const ITEMS_MAX = 500;
type Node = Record<string, unknown>;
const node = (value: unknown): Node => (value && typeof value === "object" && !Array.isArray(value) ? (value as Node) : {});
const words = (value: unknown): string => (typeof value === "string" ? value : "");

function asyncApi(document: Node): OutlineGroup[] {
  const operations = node(document["operations"]);
  const channels = Object.entries(node(document["channels"])).slice(0, ITEMS_MAX).map(([name, value]) => {
    const channel = node(value);
    const own = ["publish", "subscribe"].filter((one) => channel[one]);
    const of3 = Object.values(operations).map(node).filter((one) => words(node(one["channel"])["$ref"]).endsWith(`/${name}`)).map((one) => words(one["action"]));
    return { name: words(channel["address"]) || name, note: [[...own, ...of3].join(", "), words(channel["description"])].filter(Boolean).join(": "), text: JSON.stringify(channel, null, 2), language: "yaml" as const };
  });
  const schemas = Object.entries(node(node(document["components"])["schemas"])).slice(0, ITEMS_MAX).map(([name, value]) => ({ name, note: words(node(value)["description"]), text: JSON.stringify(value, null, 2), language: "yaml" as const }));
  return [{ title: "Channels", items: channels }, { title: "Schemas", items: schemas }];
}

/** Blocks "keyword Name { … }" of a language with braces, without a grammar: what does not fit is left out. */
function blocks(definition: string, keywords: string[], language: "graphql" | "proto"): OutlineGroup[] {
  const found = new Map<string, OutlineGroup["items"]>();
  const start = new RegExp(`^[ \\t]*(${keywords.join("|")})[ \\t]+(\\w+)`, "gm");
  for (let match = start.exec(definition); match && [...found.values()].flat().length < ITEMS_MAX; match = start.exec(definition)) {
    const [, keyword = "", name = ""] = match;
    const open = definition.indexOf("{", match.index);
    const line = definition.indexOf("\n", match.index);
    let end = line < 0 ? definition.length : line;
    if (open >= 0 && (line < 0 || open < line || /^\s*$/.test(definition.slice(line, open)))) {
      let depth = 0;
      for (end = open; end < definition.length; end++) {
        if (definition[end] === "{") depth++;
        if (definition[end] === "}" && --depth === 0) break;
      }
      end++;
    }
    found.set(keyword, [...(found.get(keyword) ?? []), { name, text: definition.slice(match.index, Math.min(end, match.index + 20_000)), language }]);
    start.lastIndex = Math.max(end, start.lastIndex);
  }
  return [...found].map(([keyword, items]) => ({ title: `${keyword.charAt(0).toUpperCase()}${keyword.slice(1)}${keyword.endsWith("s") ? "" : "s"}`, items }));
}

/** null: there is none for this type. */
export function outlineOf(type: string, definition: string, document: Node | undefined): OutlineGroup[] | null {
  const found = type === "asyncapi" ? (document ? asyncApi(document) : [])
    : type === "graphql" ? blocks(definition, ["type", "interface", "input", "enum", "union", "scalar", "directive"], "graphql")
      : type === "grpc" ? blocks(definition, ["service", "message", "enum"], "proto") : null;
  return found && found.filter((group) => group.items.length > 0);
}

export function Outline({ groups }: { groups: OutlineGroup[] }) {
  return (
    <>
      {groups.map((group) => (
        <Panel key={group.title} title={group.title}>
          <div className={styles.stack}>
            {group.items.map((item, i) => (
              <details key={`${item.name}${i}`}>
                <summary><code>{item.name}</code> <span className="fw-faint" dir="auto">{item.note}</span></summary>
                {item.text ? <Code text={item.text} language={item.language ?? "text"} label={item.name} lines={24} /> : <Facts rows={[]} />}
              </details>
            ))}
          </div>
        </Panel>
      ))}
    </>
  );
}
