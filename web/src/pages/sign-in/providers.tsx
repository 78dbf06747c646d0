// SPDX-License-Identifier: Apache-2.0
// Buttons of the providers to sign in with. They are links: the browser goes there, and comes back to this address.
import { Button } from "@mantine/core";
import { IconBrandGithub, IconExternalLink, IconKey } from "@tabler/icons-react";
import { useEffect } from "react";
import { call, useGet } from "../../api";
import type { Schemas } from "../../api";
import { enter } from "./enter";

export type Provider = Schemas["SignInProvider"];

export function startOf(provider: Provider, returnTo: string): string {
  return `/api/auth/providers/${encodeURIComponent(provider.id)}/start?${new URLSearchParams({ return_to: returnTo })}`;
}

export function useProviders() {
  return useGet("/api/auth/providers");
}

/** Somebody signs in again in another tab: when they come back to this one, it goes on. */
function useComingBack(waits: boolean): void {
  useEffect(() => {
    if (!waits) return;
    const look = () => {
      if (document.visibilityState === "visible") void call("get", "/api/auth/me").then(enter, () => undefined);
    };
    addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
    };
  }, [waits]);
}

export function ProviderButtons({ again = false }: { again?: boolean }) {
  const { data } = useProviders();
  useComingBack(again);
  const items = data?.items ?? [];
  if (items.length === 0) return null;
  const returnTo = again ? "/sign-in?elsewhere=1" : location.pathname + location.search;
  return (
    <>
      {items.map((one) => (
        <Button key={one.id} component="a" fullWidth href={startOf(one, returnTo)} {...(again ? { target: "_blank", rel: "noopener" } : {})}
          leftSection={one.kind === "github" ? <IconBrandGithub size={18} aria-hidden="true" /> : <IconKey size={18} aria-hidden="true" />}
          rightSection={again ? <IconExternalLink size={14} aria-label="in a new tab" /> : null}>
          Sign in with {one.title}
        </Button>
      ))}
    </>
  );
}
