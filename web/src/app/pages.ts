// SPDX-License-Identifier: Apache-2.0
// What a page.json declares. pages.mjs collects them into pages.gen.ts.
import type { ComponentType } from "react";

export interface PageDeclaration {
  name: string;
  /** Addresses: "/catalog/$namespace/$kind/$name"; `$x` is one segment, given by useParams(). */
  paths: string[];
  title: string;
  /** Where it stands in the sidebar; pages without it are reached by links. */
  nav?: {
    /** "" stands first, without a heading; then Operate, Govern, Administration. */
    section: string;
    label: string;
    /** One of app/icons.ts. */
    icon: string;
    order: number;
    /** Pressed after `g`. */
    jump?: string;
    /** Shown only to who holds this permission somewhere, "Role:read". */
    permission?: string;
  };
  /** Without the frame: sign-in. */
  bare?: boolean;
  /** Also for those who have not signed in. */
  public?: boolean;
  /** Only in development builds. */
  development?: boolean;
  load: () => Promise<{ default: ComponentType }>;
}
