// Owns questions and answers between members: a request to whoever serves a model, or to one member.
import { RequestError, type Msg } from "@nats-io/transport-node";
import { WaggleError } from "@waggle/protocol";
import type { Connected } from "./connection.ts";
import { unavailable } from "./nats-errors.ts";
import { requireFit } from "./payload.ts";
import { decode, encode } from "./records.ts";
import type { GatewayAnswer, WorkerAnswer } from "./records.ts";

type Answer = WorkerAnswer | GatewayAnswer;

/**
 * @returns undefined where no member listens to the subject
 * @throws WaggleError as the other one put it; unavailable when none answers in time; payload_too_large
 */
export async function ask<T extends Answer>(
  { nc }: Connected,
  subject: string,
  question: unknown,
  timeoutMs: number,
): Promise<Exclude<T, { kind: "failed" }> | undefined> {
  const data = encode(question);
  requireFit(nc, data, "hand the request to the fleet");
  const reply = await nc.request(subject, data, { timeout: timeoutMs }).catch((error: unknown) => {
    if (error instanceof RequestError && error.isNoResponders()) return undefined;
    throw unavailable("ask the fleet", error);
  });
  if (reply === undefined) return undefined;
  const answer = read<T>(reply.data);
  if (answer.kind !== "failed") return answer as Exclude<T, { kind: "failed" }>;
  const { code, message, details } = answer.failure;
  throw new WaggleError(code, message, details === undefined ? {} : { details });
}

function read<T>(data: Uint8Array): T {
  try {
    return decode<T>(data);
  } catch (error) {
    throw new WaggleError("unavailable", "Cannot ask the fleet: the answer is not readable.", { cause: error });
  }
}

/** Answers a request with what the handler finds, or how it fails. Never throws. */
export function answerWith<Q, A extends Answer>(message: Msg, handler: (question: Q) => Promise<A>): void {
  void respond(message, handler);
}

async function respond<Q, A extends Answer>(
  message: Pick<Msg, "data" | "respond">,
  handler: (question: Q) => Promise<A>,
): Promise<void> {
  let answer: Answer;
  try {
    answer = await handler(decode<Q>(message.data));
  } catch (thrown) {
    answer = failed(thrown);
  }
  try {
    message.respond(encode(answer));
  } catch {
    // The connection is gone, or the answer too long; that at least can be said.
    tryTo(() => message.respond(encode(failed(tooLong))));
  }
}

const tooLong = new WaggleError("payload_too_large", "The answer is longer than NATS takes (max_payload).");

function failed(thrown: unknown): Answer {
  const { code, message, details } = WaggleError.from(thrown);
  return { kind: "failed", failure: { code, message, ...(details === undefined ? {} : { details }) } };
}

function tryTo(respond: () => void): void {
  try {
    respond();
  } catch {
    // Who asked hears nothing in time.
  }
}
