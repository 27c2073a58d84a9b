// Owns what can go wrong between the page and the daemon, as something to show: a code, a sentence, facts.
import type { ErrorBody, ErrorCode } from "@waggle/protocol";

export interface Problem {
  /** `unreachable` is ours: there was no answer at all. */
  readonly code: ErrorCode | "unreachable";
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export const unreachable: Problem = {
  code: "unreachable",
  message: "Cannot reach the worker: it does not answer.",
};

/** What an answer that is not 2xx says. */
export async function problemOf(response: Response): Promise<Problem> {
  try {
    const { error } = (await response.json()) as ErrorBody;
    return {
      code: error.code,
      message: error.message,
      ...(error.details === undefined ? {} : { details: error.details }),
    };
  } catch {
    return { code: "internal", message: `Cannot read the answer: it has status ${response.status} and is not ours.` };
  }
}
