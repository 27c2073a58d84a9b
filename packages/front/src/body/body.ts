// Reads and validates request bodies.
import { createHash } from "node:crypto";
import { WaggleError, invalidArgument, picturePlaces } from "@waggle/protocol";
import type { PicturePlace } from "@waggle/protocol";
import type { z } from "zod";
import { connectionOf } from "../server/connection.ts";
import type { AppContext } from "../server/context.ts";
import { createGrowingBuffer } from "./growing-buffer.ts";
import { parseJson } from "./parse-json.ts";

/**
 * Validation ends at the first problem: collecting all problems of a few megabytes of wrong elements took half a minute and two gigabytes.
 * zod's public option for this, `validate`, does not return the problem.
 */
const firstProblemOnly: z.core.ParseContextInternal<z.core.$ZodIssue> = { abortEarly: true };

/**
 * Where the schema has pictures, they are taken out of the body: `c.get("pictures")` has them, and their hashes are in their places.
 * @param onValid called with the fields that were sent, once they are valid
 * @throws WaggleError payload_too_large, before the rest of the body is read; resource_exhausted; invalid_argument
 */
export async function readBody<S extends z.ZodType>(
  c: AppContext,
  schema: S,
  onValid?: (sent: object) => void,
): Promise<z.output<S>> {
  const seen = c.get("seenBody");
  c.set("seenBody", undefined);
  const value = seen === undefined ? await readJson(c, picturePlaces(schema)) : seen.value;
  const body = validate(schema, value);
  onValid?.(value as object);
  return body;
}

/**
 * Returns the body's JSON, for a route that selects the schema by the content. The next `readBody` validates this JSON.
 * @param schema the only one of these schemas that may have pictures
 * @throws WaggleError like `readBody`, except for errors of the schema
 */
export async function lookAtBody(c: AppContext, schema: z.ZodType): Promise<unknown> {
  const value = await readJson(c, picturePlaces(schema));
  c.set("seenBody", { value });
  return value;
}

async function readJson(c: AppContext, places: PicturePlace | undefined): Promise<unknown> {
  const text = await readText(c, places);
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

/**
 * The body's bytes as they arrive. If the consumer stops early, the rest is read and discarded. Replaces Hono's body limit, whose wrapped request does
 * not work with the Node adapter.
 * @param stop ends the body early when it aborts
 * @throws WaggleError payload_too_large, as soon as the size is known; invalid_argument for an encoding, an incomplete body, or tiny chunks
 */
export async function* bodyChunks(c: AppContext, mostBytes: number, stop?: AbortSignal): AsyncGenerator<Uint8Array> {
  const encoding = c.req.header("content-encoding") ?? "identity";
  if (encoding !== "identity") throw encoded(encoding);
  if (Number(c.req.header("content-length") ?? 0) > mostBytes) throw tooLarge(mostBytes);
  const { body } = c.req.raw;
  if (body === null) return;
  const reader = body.getReader();
  stop?.addEventListener("abort", () => void reader.cancel().catch(() => undefined), { once: true });
  let bytes = 0;
  let chunks = 0;
  let isOver = false;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw incomplete(cause);
      });
      isOver = done;
      if (done) return;
      bytes += value.byteLength;
      if (bytes > mostBytes) throw tooLarge(mostBytes);
      chunks += 1;
      if (chunks > fewChunks && bytes < chunks * leastChunkBytes) {
        // Closes the connection, since discarding the rest of the body would cost as much as reading it.
        connectionOf(c).endAfterResponse();
        throw tooFine();
      }
      yield value;
    }
  } finally {
    if (!isOver) discardRest(reader);
  }
}

async function readText(c: AppContext, places: PicturePlace | undefined): Promise<string> {
  const maxBytes = c.get("maxBodyBytes");
  const mostBytes = maxBytes + (places === undefined ? 0 : c.get("pictures").mostBodyBytes);
  const announced = Number(c.req.header("content-length") ?? mostBytes);
  const crowded = new AbortController();
  const arriving = c.get("bodies").open(c.get("client"), () => {
    text.clear();
    crowded.abort();
  });
  const onGrow = (more: number): void => arriving.add(more);
  const text = createGrowingBuffer({ expected: Math.min(announced, maxBytes), onGrow });
  const lifter = places === undefined ? undefined : c.get("pictures").lifter(places, onGrow);
  try {
    for await (const chunk of bodyChunks(c, mostBytes, crowded.signal)) {
      if (crowded.signal.aborted) break;
      // Many megabytes of pictures may arrive at once.
      if (lifter !== undefined) await c.get("pace")(chunk.byteLength);
      for (const piece of lifter?.write(chunk) ?? [chunk]) {
        if (text.length + piece.length > maxBytes) throw tooLarge(maxBytes);
        text.append(piece);
      }
    }
    await c.get("pace")(text.length);
  } catch (error) {
    throw crowded.signal.aborted ? exhausted() : error;
  } finally {
    arriving.close();
  }
  if (crowded.signal.aborted) throw exhausted();
  return text.bytes().toString("utf8");
}

/**
 * Reads and discards what is left of a refused body: the connection then serves the client's next request. If the body does not end within half a
 * second after the answer, the HTTP server closes the connection.
 */
function discardRest(reader: ReadableStreamDefaultReader<Uint8Array>): void {
  const discard = async (): Promise<void> => {
    for (let rest = await reader.read(); !rest.done;) rest = await reader.read();
  };
  void discard().catch(() => undefined);
}

function encoded(encoding: string): WaggleError {
  const why = `"${encoding.slice(0, 64)}" is not supported, send the body without an encoding`;
  return new WaggleError("invalid_argument", `Cannot read the body: its content-encoding ${why}.`, {
    details: { problems: [{ field: "content-encoding", problem: why }] },
  });
}

function incomplete(cause: unknown): WaggleError {
  const why = "the connection ended before the body was complete";
  return new WaggleError("invalid_argument", `Cannot read the body: ${why}.`, { cause });
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
    "Cannot read the body: all arriving bodies together exceed the memory limit, and this one is the oldest of the client with the most bytes. Send fewer at a time.",
    { retryAfterS: 1 },
  );
}

export function tooLarge(maxBytes: number): WaggleError {
  return new WaggleError("payload_too_large", `Cannot accept the body: it is larger than ${maxBytes} bytes.`, {
    details: { max_bytes: maxBytes },
  });
}
