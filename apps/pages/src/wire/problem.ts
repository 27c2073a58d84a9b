// Owns errors between the page and the daemon: a code, a sentence, details. Their text for people is in advice.ts.
import type { ErrorBody, ErrorCode } from "@waggle/protocol";

export interface Problem {
  /** `unreachable` and `gone` are the page's: the daemon did not answer; the worker has lost the job. */
  readonly code: ErrorCode | "unreachable" | "gone";
  /** The daemon's message; the page's for `gone`. */
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  /** When the daemon allows another try, milliseconds since 1970. */
  readonly retryAt?: number;
}

export const unreachable: Problem = {
  code: "unreachable",
  message: "Cannot reach the worker: it does not answer.",
};

/** The problem in a response that is not 2xx. */
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
    const message = `Cannot read the response with status ${response.status}: it is not from this server.`;
    return { code: "internal", message, ...coming };
  }
}

/** The daemon writes whole seconds; a proxy may write a date, which is ignored. */
export function retryAtOf(header: string | null, now: number): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header) ? now + Number(header) * 1_000 : undefined;
}
