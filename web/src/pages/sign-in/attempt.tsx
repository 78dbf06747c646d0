// SPDX-License-Identifier: Apache-2.0
// A button that does one thing and says below itself what went wrong.
import { Button } from "@mantine/core";
import type { ButtonProps } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { ReactNode } from "react";
import { ProblemView } from "../../ui";

interface AttemptProps extends ButtonProps {
  work: () => Promise<unknown>;
  children: ReactNode;
  /** For those who listen, when the words alone do not say what it is about. */
  "aria-label"?: string;
}

export function Attempt({ work, children, ...button }: AttemptProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const here = useRef(true);
  useEffect(() => {
    here.current = true;
    return () => { here.current = false; };
  }, []);
  const attempt = async () => {
    setProblem(null);
    setBusy(true);
    try {
      await work();
    } catch (cause) {
      if (here.current) setProblem(cause);
    }
    if (here.current) setBusy(false);
  };
  return (
    <>
      <Button {...button} loading={busy} onClick={() => void attempt()}>{children}</Button>
      {problem !== null && <ProblemView error={problem} compact />}
    </>
  );
}
