// SPDX-License-Identifier: Apache-2.0
// JSON values as block YAML for people to read and copy.
const PLAIN = /^[A-Za-z_/][A-Za-z0-9_./@+-]*(?: [A-Za-z0-9_./@+-]+)*$/;
const WORDS = /^(?:true|false|null|yes|no|on|off|y|n)$/i;

function scalar(value: unknown, indent: string): string {
  if (typeof value !== "string") return JSON.stringify(value);
  if (value.includes("\n") && !/[\t\r]|\n\s/.test(value) && value.trim() !== "") {
    const body = value.replace(/\n$/, "").split("\n").join(`\n${indent}`);
    return `${value.endsWith("\n") ? "|" : "|-"}\n${indent}${body}`;
  }
  return PLAIN.test(value) && !WORDS.test(value) ? value : JSON.stringify(value);
}

function isBlock(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function lines(value: object, indent: string): string[] {
  const isList = Array.isArray(value);
  return Object.entries(value).flatMap(([key, inner]) => {
    const head = indent + (isList ? "-" : `${scalar(key, "")}:`);
    if (!isBlock(inner)) return [`${head} ${scalar(inner, `${indent}  `)}`];
    if (!isList) return [head, ...lines(inner, Array.isArray(inner) ? indent : `${indent}  `)];
    const [first = "", ...rest] = lines(inner, `${indent}  `);
    return [`${indent}- ${first.trimStart()}`, ...rest];
  });
}

export function toYaml(value: unknown): string {
  return (isBlock(value) ? lines(value, "").join("\n") : scalar(value, "  ")) + "\n";
}
