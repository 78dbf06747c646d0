// SPDX-License-Identifier: Apache-2.0
import "./ui/mantine.css";
import "./ui/tokens.css";
import "./app/shell.css";
import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { setNonce } from "get-nonce";
import { StrictMode, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { queryClient } from "./api";
import { useScheme } from "./app/appearance";
import { nonce } from "./app/boot";
import { SessionProvider, begin, sessionStore } from "./app/me";
import { router } from "./app/router";
import { theme } from "./ui/theme";
import { Dialogs } from "./ui/dialogs";

function App() {
  const session = useSyncExternalStore(sessionStore.watch, sessionStore.get);
  const scheme = useScheme();
  return (
    <MantineProvider theme={theme} forceColorScheme={scheme} withCssVariables={false} getStyleNonce={() => nonce} deduplicateCssVariables>
      <QueryClientProvider client={queryClient}>
        <SessionProvider value={session}>
          <RouterProvider router={router} />
          <Dialogs />
        </SessionProvider>
      </QueryClientProvider>
    </MantineProvider>
  );
}

setNonce(nonce);
begin();
// The page as the server sent it stays until the code of this one is there.
void router.load().finally(() => createRoot(document.getElementById("root") as HTMLElement).render(<StrictMode><App /></StrictMode>));
