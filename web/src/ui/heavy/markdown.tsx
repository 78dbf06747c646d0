// SPDX-License-Identifier: Apache-2.0
// Markdown that others wrote: rendered, then reduced to text, lists, tables, code and safe links. Nothing is loaded from elsewhere.
import DOMPurify from "dompurify";
import { Marked } from "marked";
import { useMemo } from "react";
import type { MarkdownProps } from "../contract";
import { safeHref } from "../link";
import styles from "./markdown.module.css";

const LENGTH_MAX = 200_000;
const marked = new Marked({ gfm: true, async: false });
const purify = DOMPurify();
purify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "A") {
    const href = node.getAttribute("href") ?? "";
    if (href.startsWith("#")) return;
    if (safeHref(href)) {
      node.setAttribute("target", "_blank");
      node.setAttribute("rel", "noreferrer noopener");
    } else {
      node.removeAttribute("href");
    }
  }
  if (/^H[1-6]$/.test(node.tagName)) { // the page has its own headings
    node.setAttribute("role", "heading");
    node.setAttribute("aria-level", String(Math.min(6, Number(node.tagName.charAt(1)) + 2)));
  }
});

export default function Markdown({ text }: MarkdownProps) {
  const html = useMemo(() => purify.sanitize(marked.parse(text.slice(0, LENGTH_MAX)) as string, {
    ALLOWED_TAGS: ["p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "strong", "em", "del", "code", "pre", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "a"],
    ALLOWED_ATTR: ["href", "start", "align"], ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: false,
  }), [text]);
  return <div className={styles.markdown} dir="auto" dangerouslySetInnerHTML={{ __html: html }} />;
}
