// Sends questions to any worker that serves a model, or to one member, and answers them.
import { failureError, failureOf, WaggleError } from "@waggle/protocol";
import type { Answers, Broker } from "../broker/port.ts";
import { requireFit } from "../broker/sizes.ts";
import { decode, encode, encodeOffThread } from "../queue/records.ts";
import type { GatewayAnswer, WorkerAnswer } from "../queue/records.ts";

type Answer = WorkerAnswer | GatewayAnswer;

/**
 * @returns undefined if no member answers the topic
 * @throws the other member's WaggleError; unavailable without an answer in time; payload_too_large
 */
export async function ask<T extends Answer>(
  broker: Broker,
  topic: string,
  question: unknown,
  timeoutMs: number,
): Promise<Exclude<T, { kind: "failed" }> | undefined> {
  const data = await encodeOffThread(question);
  requireFit(broker, data, "hand the request to the fleet");
  const reply = await broker.messages.ask(topic, data, timeoutMs);
  if (reply === undefined) return undefined;
  const answer = read<T>(reply);
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

/** Answers a question with the handler's result or failure, and with a short failure if that is too long. Never throws. */
export async function answerWith<Q, A extends Answer>(
  data: Uint8Array,
  handler: (question: Q) => Promise<A>,
): Promise<Answers> {
  let answer: Answer;
  try {
    answer = await handler(decode<Q>(data));
  } catch (thrown) {
    answer = { kind: "failed", failure: failureOf(thrown) };
  }
  return [encode(answer), encode({ kind: "failed", failure: failureOf(tooLong) })];
}

const tooLong = new WaggleError("payload_too_large", "The answer is longer than NATS takes (max_payload).");
