// SPDX-License-Identifier: Apache-2.0
// The session ended while somebody was working: they sign in again here, and what they typed stays.
import { Modal } from "@mantine/core";
import { Suspense, lazy } from "react";

const SignInForm = lazy(() => import("../pages/sign-in/form").then(({ SignInForm: component }) => ({ default: component })));

export function SessionEnded() {
  return (
    <Modal opened onClose={() => undefined} withCloseButton={false} closeOnEscape={false} closeOnClickOutside={false} title="Your session has ended">
      <p>Sign in again to go on. What you have typed is still here.</p>
      <Suspense fallback={null}><SignInForm again /></Suspense>
    </Modal>
  );
}
