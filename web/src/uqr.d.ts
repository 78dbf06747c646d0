// SPDX-License-Identifier: Apache-2.0
// What we use of the package; its own types lie where the bundler looks and the compiler does not.
declare module "uqr" {
  export function encode(text: string, options?: { ecc?: "L" | "M" | "Q" | "H"; border?: number }): { size: number; data: boolean[][] };
}
