// SPDX-License-Identifier: Apache-2.0
// What an operation answers when it fails: RFC 9457's problem, or Backstage's error object.

export interface FieldProblem {
  /** JSON Pointer into the body, "/email"; or the name of a parameter. */
  pointer: string;
  detail: string;
}

/** What went wrong, in words for people. */
export class Problem extends Error {
  constructor(
    message: string,
    /** Of HTTP; 0: the server cannot be reached. */
    readonly status: number,
    readonly requestId = "",
    readonly fields: FieldProblem[] = [],
    readonly title = "",
  ) {
    super(message);
    this.name = "Problem";
  }

  /** Whether trying again can help. */
  get mayPass(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

interface Body {
  title?: string;
  detail?: string;
  error?: { message?: string };
  /** Of validate-entity they have `message`. */
  errors?: { pointer?: string; parameter?: string; detail?: string; message?: string }[];
}

export async function problemOf(response: Response): Promise<Problem> {
  let body: Body = {};
  try {
    body = (await response.clone().json()) as Body;
  } catch {
    // not JSON: the status says it
  }
  const fields = (body.errors ?? []).map((one) => ({ pointer: one.pointer ?? one.parameter ?? "", detail: one.detail ?? one.message ?? "" }));
  const message = body.detail ?? body.error?.message ?? body.errors?.[0]?.message ?? `The server answered ${response.status}.`;
  return new Problem(message, response.status, response.headers.get("X-Request-Id") ?? "", fields, body.title ?? "");
}

export function asProblem(cause: unknown): Problem {
  return cause instanceof Problem ? cause : new Problem(cause instanceof Error ? cause.message : String(cause), -1);
}
