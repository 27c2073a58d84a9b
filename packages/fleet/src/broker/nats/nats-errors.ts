// Recognizes NATS's errors and converts them to ours.
import { JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import { PermissionViolationError, RequestError, TimeoutError } from "@nats-io/transport-node";
import { WaggleError } from "@waggle/protocol";

/** Seconds until a client may retry what NATS could not do. */
export const natsRetryAfterS = 2;

/** @param codes of JetStream's API (nats-server, server/errors.json) */
function withCode(...codes: readonly number[]): (error: unknown) => boolean {
  return (error) => error instanceof JetStreamApiError && codes.includes(error.code);
}

/** Whether another member has written to the subject or key since it was read. */
export const isWrongSequence = withCode(10_071, 10_164);
export const isStreamFull = withCode(10_077, 10_047, 10_023);
export const isConsumerMissing = withCode(JetStreamApiCodes.ConsumerNotFound);

/** Whether the stream or bucket of the request does not exist. Without it, no one answers a message to its subjects. */
export function isStoreMissing(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return error.code === JetStreamApiCodes.StreamNotFound;
  const cause = error instanceof RequestError || !(error instanceof Error) ? error : error.cause;
  return cause instanceof RequestError && cause.isNoResponders();
}

/** Whether NATS did not answer. It does not answer a direct read of a stream or bucket that does not exist. */
export function isTimeout(error: unknown): boolean {
  return error instanceof TimeoutError;
}

/** Whether this member may not write to the subject. */
export function isDenied(error: unknown): boolean {
  return error instanceof Error && [error, error.cause].some((each) => each instanceof PermissionViolationError);
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
