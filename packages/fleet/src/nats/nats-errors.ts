// Recognizes NATS's errors and converts them to ours.
import { JetStreamApiError } from "@nats-io/jetstream";
import { WaggleError } from "@waggle/protocol";

/** Codes of JetStream's API (nats-server, server/errors.json). */
const wrongLastSequence = 10_071;
const streamIsFull = new Set([10_077, 10_047, 10_023]);

/** Seconds until a client may retry what NATS could not do. */
export const natsRetryAfterS = 2;

/** Whether another member has written to the subject or key since it was read. */
export function isWrongSequence(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === wrongLastSequence;
}

export function isStreamFull(error: unknown): boolean {
  return error instanceof JetStreamApiError && streamIsFull.has(error.code);
}

/** @param what failed action, such as "put the job into the queue" */
export function unavailable(what: string, cause: unknown): WaggleError {
  if (cause instanceof WaggleError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new WaggleError("unavailable", `Cannot ${what}: NATS reports "${why}".`, {
    retryAfterS: natsRetryAfterS,
    cause,
  });
}

/** Resolves with the action's result. @throws WaggleError unavailable, or the action's WaggleError */
export async function attempt<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw unavailable(what, error);
  }
}
