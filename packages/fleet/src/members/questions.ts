// Sends questions to any worker that serves a model, or to one member, and answers them.
import { RequestError, type Msg } from "@nats-io/transport-node";
import { failureError, failureOf, WaggleError } from "@waggle/protocol";
import type { Connected } from "../nats/connection.ts";
import { unavailable } from "../nats/nats-errors.ts";
import { requireFit } from "../nats/publish.ts";
import { decode, encode } from "../queue/records.ts";
import type { GatewayAnswer, WorkerAnswer } from "../queue/records.ts";

type Answer = WorkerAnswer | GatewayAnswer;

/**
 * @returns undefined if no member subscribes to the subject
 * @throws the other member's WaggleError; unavailable without an answer in time; payload_too_large
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
  throw failureError(answer.failure);
}

function read<T>(data: Uint8Array): T {
  try {
    return decode<T>(data);
  } catch (error) {
    throw new WaggleError("unavailable", "Cannot ask the fleet: the answer is not readable.", { cause: error });
  }
}

/** Answers a request with the handler's result or failure. Never throws. */
export async function answerWith<Q, A extends Answer>(
  message: Msg,
  handler: (question: Q) => Promise<A>,
): Promise<void> {
  let answer: Answer;
  try {
    answer = await handler(decode<Q>(message.data));
  } catch (thrown) {
    answer = { kind: "failed", failure: failureOf(thrown) };
  }
  for (const one of [answer, { kind: "failed", failure: failureOf(tooLong) }]) {
    try {
      message.respond(encode(one));
      return;
    } catch {
      // The answer exceeds NATS's message limit, which the short error does not. Or the connection is gone: the asking member's timeout ends the question.
    }
  }
}

const tooLong = new WaggleError("payload_too_large", "The answer is longer than NATS takes (max_payload).");
