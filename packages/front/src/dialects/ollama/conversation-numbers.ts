// Owns the `context` of /api/generate: the conversation so far, as numbers that the client sends back. Ollama's numbers are tokens, and clients do
// not read the numbers. Waggle's numbers encode the messages, so that the worker builds the next prompt from messages and stores nothing.
import { ollamaLimits, refuseField, requestLimits } from "@waggle/protocol";
import { z } from "zod";
import { parseJson } from "../../body/parse-json.ts";

const ContextMessagesSchema = z
  .array(z.object({ role: z.enum(["system", "user", "assistant"]), content: z.string() }))
  .max(requestLimits.messages);
export type ContextMessage = z.infer<typeof ContextMessagesSchema>[number];

/** UTF-8 bytes of JSON per number. With 3 bytes there are about as many numbers as tokens. */
const bytesPerNumber = 3;
const largest = 2 ** (8 * bytesPerNumber) - 1;

/** Undefined if the conversation has more turns or more numbers than a request may contain. */
export function conversationNumbers(messages: readonly ContextMessage[]): number[] | undefined {
  const bytes = Buffer.from(JSON.stringify(messages));
  const count = Math.ceil(bytes.length / bytesPerNumber);
  if (count > ollamaLimits.contextNumbers || messages.length > requestLimits.messages) return undefined;
  const padded = Buffer.concat([bytes, Buffer.alloc(count * bytesPerNumber - bytes.length, " ")]);
  return Array.from({ length: count }, (_, at) => padded.readUIntBE(at * bytesPerNumber, bytesPerNumber));
}

/** @throws WaggleError invalid_argument for numbers that are not from this server */
export function conversationOf(numbers: readonly number[]): readonly ContextMessage[] {
  if (numbers.every((number) => number <= largest)) {
    const bytes = Buffer.alloc(numbers.length * bytesPerNumber);
    numbers.forEach((number, at) => bytes.writeUIntBE(number, at * bytesPerNumber, bytesPerNumber));
    const messages = ContextMessagesSchema.safeParse(parsed(bytes.toString("utf8")));
    if (messages.success) return messages.data;
  }
  throw refuseField("context", "not a context returned by this server");
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
