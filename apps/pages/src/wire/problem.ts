// Owns errors between the page and the daemon: a code, a message and details. advice.ts has their texts for visitors.
import type { FollowEnd } from "@waggle/client/following";
import type { ErrorBody, ErrorCode } from "@waggle/protocol";

export interface Problem {
  /** The page adds two codes: `unreachable` if the daemon did not answer, and `gone` if the worker has lost the job. */
  readonly code: ErrorCode | "unreachable" | "gone";
  /** The daemon's message; for `unreachable` and `gone`, the page's message. */
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  /** When the daemon allows another try. Milliseconds since 1970. */
  readonly retryAt?: number;
}

export const unreachable: Problem = {
  code: "unreachable",
  message: "Cannot reach the worker: it does not answer.",
};

/** The problem in a response with a status other than 2xx. */
export async function responseProblem(response: Response): Promise<Problem> {
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

/** The time in a Retry-After header. The daemon writes whole seconds; a proxy may write a date, which is ignored. */
export function retryAtOf(header: string | null, now: number): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header) ? now + Number(header) * 1_000 : undefined;
}

/** The problem of an answer without a terminal event. For a forgotten job, the page asks the worker for the reason instead. */
export async function problemOfEnd(end: Exclude<FollowEnd, { kind: "forgotten" }>): Promise<Problem> {
  switch (end.kind) {
    case "refused":
      return await responseProblem(end.response);
    case "cut":
      return { code: "slow_consumer", message: end.event.message };
    case "lost":
      return unreachable;
    case "ended":
    case "left":
      return { code: "internal", message: "The stream of the answer closed without a result." };
  }
}
