// SPDX-License-Identifier: Apache-2.0
import { useRouter } from "@tanstack/react-router";
import { forwardRef } from "react";
import type { AnchorHTMLAttributes, MouseEvent, ReactNode } from "react";

export interface LinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href"> {
  /** A path of the portal with its query: "/catalog?kind=api". */
  to: string;
}

/** A link within the portal: an ordinary one, whose plain click does not load the page anew. */
export const Link = forwardRef<HTMLAnchorElement, LinkProps>(function Link({ to, onClick, onPointerEnter, ...rest }, ref) {
  const router = useRouter();
  const click = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || rest.target || rest.download !== undefined) return;
    event.preventDefault();
    void router.navigate({ href: to } as never);
  };
  return (
    <a
      {...rest} ref={ref} href={to} onClick={click}
      onPointerEnter={(event) => {
        onPointerEnter?.(event);
        const path = to.split(/[?#]/)[0] ?? to;
        void router.preloadRoute({ to: path } as never).catch(() => undefined);
      }}
    />
  );
});

const SCHEMES = new Set(["http:", "https:", "mailto:"]);

/** The address if it may be linked to, else null: what others wrote may be `javascript:`. */
export function safeHref(href: string): string | null {
  try {
    return SCHEMES.has(new URL(href).protocol) ? href : null;
  } catch {
    return null;
  }
}

/** A link to elsewhere; what is no address of the web is shown as text. */
export function ExternalLink({ href, children }: { href: string; children?: ReactNode }) {
  const safe = safeHref(href);
  const words = children ?? href;
  if (!safe) return <span dir="auto">{words}</span>;
  return <a href={safe} target="_blank" rel="noreferrer noopener" dir="auto">{words}<span aria-hidden="true"> ↗</span><span className="fw-only-read"> (opens elsewhere)</span></a>;
}
