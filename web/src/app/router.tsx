// SPDX-License-Identifier: Apache-2.0
// Addresses to pages. Code of a page is loaded when it is first shown, or pointed at.
import { Outlet, createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { boot } from "./boot";
import { pages } from "../pages.gen";
import { Frame } from "./frame";
import { NotFound, PageFailure } from "./failures";

const root = createRootRoute({ component: () => <Frame><Outlet /></Frame>, notFoundComponent: NotFound, errorComponent: PageFailure });

const routes = pages
  .filter((page) => !page.development || boot.development)
  .flatMap((page) => page.paths.map((path) => createRoute({
    getParentRoute: () => root,
    path,
    component: lazyRouteComponent(page.load),
    errorComponent: PageFailure,
    staticData: { page },
  })));

/** Queries are plain: `?filter=a&filter=b`. Pages read them with useAddress(). */
function parseSearch(text: string): Record<string, string | string[]> {
  const found: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of new URLSearchParams(text)) {
    const before = found[name];
    found[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  return found;
}

function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) params.append(name, String(one));
  const text = params.toString();
  return text ? `?${text}` : "";
}

export const router = createRouter({
  routeTree: root.addChildren(routes),
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
  defaultPendingMs: 300,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface StaticDataRouteOption {
    page?: import("./pages").PageDeclaration;
  }
}
