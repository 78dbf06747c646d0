// SPDX-License-Identifier: Apache-2.0
// Elements without a framework. Text is only ever set as text.
export type Child = Node | string | number | null | undefined | false;
type Props = Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>;

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props?: Props | null, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  append(element, children);
  return element;
}

export function append(parent: Node, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

export function replace(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  append(parent, children);
}

/** A link only where following it cannot run anything. */
export function externalLink(url: string, text: string): HTMLElement {
  if (!/^(https?|mailto):/i.test(url)) return h("span", null, text);
  return h("a", { href: url, rel: "noopener noreferrer nofollow", target: "_blank" }, text);
}

export function copyButton(text: () => string, label: string, kind = "quiet"): HTMLElement {
  const button = h("button", { type: "button", class: kind }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "The browser did not allow it";
    }
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}
