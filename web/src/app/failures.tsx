// SPDX-License-Identifier: Apache-2.0
import { Button } from "@mantine/core";
import { Link, Page, ProblemView } from "../ui";

export function NotFound() {
  return (
    <Page title="There is nothing at this address">
      <p>It may have been renamed or removed. <Link to="/catalog">Look for it in the catalog</Link>, or press Ctrl+K.</p>
    </Page>
  );
}

/** A page that could not be loaded or shown; after an update of the server its old parts are gone. */
export function PageFailure({ error, reset }: { error: unknown; reset?: () => void }) {
  const outdated = error instanceof Error && /dynamically imported module|Importing a module script failed/.test(error.message);
  return (
    <Page title={outdated ? "There is a newer version" : "This page could not be shown"}>
      {outdated
        ? <Button onClick={() => location.reload()}>Load it</Button>
        : <ProblemView error={error} retry={reset ?? (() => location.reload())} />}
    </Page>
  );
}
