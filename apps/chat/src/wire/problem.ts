// Owns what can go wrong between the page and the daemon: a code, a sentence, facts. What a person reads of it is in advice.ts.
import type { ErrorBody, ErrorCode } from "@waggle/protocol";

export interface Problem {
  /** `unreachable` and `gone` are ours: there was no answer at all; the worker does not have an answer any more. */
  readonly code: ErrorCode | "unreachable" | "gone";
  /** The daemon's own words; of `gone` ours. */
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  /** When the daemon said to come back, milliseconds since 1970. */
  readonly retryAt?: number;
}

export const unreachable: Problem = {
  code: "unreachable",
  message: "Cannot reach the worker: it does not answer.",
};

/** What an answer that is not 2xx says. */
export async function problemOf(response: Response): Promise<Problem> {
  const retryAt = retryAtOf(response.headers.get("retry-after"), Date.now());
  const coming = retryAt === undefined ? {} : { retryAt };
  try {
    const { error } = (await response.json()) as ErrorBody;
    return {
      code: error.code,
      message: error.message,
      ...(error.details === undefined ? {} : { details: error.details }),
      ...coming,
    };
  } catch {
    const message = `Cannot read the answer: it has status ${response.status} and is not ours.`;
    return { code: "internal", message, ...coming };
  }
}

/** The daemon writes whole seconds; a proxy may write a date, which is left alone. */
export function retryAtOf(header: string | null, now: number): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header) ? now + Number(header) * 1_000 : undefined;
}
