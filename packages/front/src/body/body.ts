// Reads and validates request bodies.
import { createHash } from "node:crypto";
import { WaggleError, invalidArgument } from "@waggle/protocol";
import type { z } from "zod";
import { connectionOf } from "../server/connection.ts";
import type { AppContext } from "../server/context.ts";
import { parseJson } from "./parse-json.ts";

/**
 * Validation ends at the first problem: collecting all problems of a few megabytes of wrong elements took half a minute and two gigabytes.
 * zod's public option for this, `validate`, does not return the problem.
 */
const firstProblemOnly: z.core.ParseContextInternal<z.core.$ZodIssue> = { abortEarly: true };

/** @throws WaggleError payload_too_large, before the rest of the body is read; resource_exhausted; invalid_argument */
export async function readBody<S extends z.ZodType>(c: AppContext, schema: S, maxBytes: number): Promise<z.output<S>> {
  const seen = c.get("seenBody");
  c.set("seenBody", undefined);
  return validate(schema, seen === undefined ? await readJson(c, maxBytes) : seen.value);
}

/**
 * Returns the body's JSON, for a route that selects the schema by the content. The next `readBody` validates this JSON.
 * @throws WaggleError like `readBody`, except for errors of the schema
 */
export async function lookAtBody(c: AppContext, maxBytes: number): Promise<unknown> {
  const value = await readJson(c, maxBytes);
  c.set("seenBody", { value });
  return value;
}

async function readJson(c: AppContext, maxBytes: number): Promise<unknown> {
  const text = await readText(c, maxBytes);
  c.set("bodyDigest", createHash("sha256").update(text).digest("base64"));
  return parseJson(text);
}

/** @throws WaggleError invalid_argument */
export function validate<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value, firstProblemOnly);
  if (!result.success) throw invalidArgument(result.error);
  return result.data;
}

/** Number of chunks after which the average size of the chunks is checked. */
const fewChunks = 1_024;
/** Minimum average size: each chunk takes a turn of the event loop, so a body in single bytes would delay every stream. */
const leastChunkBytes = 64;
const firstBufferBytes = 4_096;

/** Replaces Hono's body limit, whose wrapped request does not work with the Node adapter. */
async function readText(c: AppContext, maxBytes: number): Promise<string> {
  const encoding = c.req.header("content-encoding") ?? "identity";
  if (encoding !== "identity") throw encoded(encoding);
  const announced = Number(c.req.header("content-length") ?? maxBytes);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  const { body } = c.req.raw;
  if (body === null) return "";
  const reader = body.getReader();
  // One growing buffer: a list of small chunks would need memory that the limit does not count.
  let held = Buffer.alloc(0);
  let bytes = 0;
  let chunks = 0;
  let crowdedOut = false;
  const cancel = (): void => void reader.cancel().catch(() => undefined);
  const arriving = c.get("bodies").open(() => {
    crowdedOut = true;
    held = Buffer.alloc(0);
    cancel();
  });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (crowdedOut) throw exhausted();
      if (done) break;
      bytes += value.byteLength;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      chunks += 1;
      if (chunks > fewChunks && bytes < chunks * leastChunkBytes) {
        // Closes the connection, since discarding the rest of the body would cost as much as reading it.
        connectionOf(c).endAfterResponse();
        throw tooFine();
      }
      if (bytes > held.length) {
        const roomy = Math.min(announced, Math.max(firstBufferBytes, 2 * held.length));
        const grown = Buffer.allocUnsafeSlow(Math.max(bytes, roomy));
        held.copy(grown);
        arriving.add(grown.length - held.length);
        held = grown;
      }
      held.set(value, bytes - value.byteLength);
    }
    await c.get("pace")(bytes);
    if (crowdedOut) throw exhausted();
  } catch (error) {
    cancel();
    if (crowdedOut) throw exhausted();
    if (error instanceof WaggleError) throw error;
    throw new WaggleError(
      "invalid_argument",
      "Cannot read the body: the connection ended before the body was complete.",
      { cause: error },
    );
  } finally {
    arriving.close();
  }
  return held.toString("utf8", 0, bytes);
}

function encoded(encoding: string): WaggleError {
  const why = `"${encoding.slice(0, 64)}" is not supported, send the body without an encoding`;
  return new WaggleError("invalid_argument", `Cannot read the body: its content-encoding ${why}.`, {
    details: { problems: [{ field: "content-encoding", problem: why }] },
  });
}

function tooFine(): WaggleError {
  return new WaggleError(
    "invalid_argument",
    `Cannot read the body: its chunks have less than ${leastChunkBytes} bytes each.`,
  );
}

function exhausted(): WaggleError {
  return new WaggleError(
    "resource_exhausted",
    "Cannot read the body: all arriving bodies together exceed the memory limit, and this body is the oldest.",
    { retryAfterS: 1 },
  );
}

function tooLarge(maxBytes: number): WaggleError {
  return new WaggleError("payload_too_large", `Cannot accept the body: it is larger than ${maxBytes} bytes.`, {
    details: { max_bytes: maxBytes },
  });
}
