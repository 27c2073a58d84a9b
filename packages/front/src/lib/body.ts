// Owns how a request body becomes a validated value, or an invalid_argument that names what was wrong.
import { WaggleError, invalidArgument } from "@waggle/protocol";
import type { z } from "zod";
import type { AppContext } from "./context.ts";

/** @throws WaggleError payload_too_large, as soon as that is certain; invalid_argument */
export async function readBody<S extends z.ZodType>(c: AppContext, schema: S, maxBytes: number): Promise<z.output<S>> {
  const text = await readText(c, maxBytes);
  const result = schema.safeParse(parseJson(text));
  if (!result.success) throw invalidArgument(result.error);
  return result.data;
}

/** Not Hono's own limit: that wraps the request anew, which the Node adapter's requests do not survive. */
async function readText(c: AppContext, maxBytes: number): Promise<string> {
  if (Number(c.req.header("content-length") ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const { body } = c.req.raw;
  if (body === null) return "";
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof WaggleError) throw error;
    throw new WaggleError("invalid_argument", "Cannot read the body: it broke off.", { cause: error });
  }
  return Buffer.concat(chunks).toString("utf8");
}

function tooLarge(maxBytes: number): WaggleError {
  return new WaggleError("payload_too_large", `Cannot accept the body: it is larger than ${maxBytes} bytes.`, {
    details: { max_bytes: maxBytes },
  });
}

function parseJson(text: string): unknown {
  if (text.trim() === "") throw new WaggleError("invalid_argument", "Cannot read the body: it is empty, JSON was due.");
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser quotes the body in its message, and a body holds prompts: only the position may leave.
    const place = /position \d+/.exec(error instanceof Error ? error.message : "")?.[0];
    throw new WaggleError(
      "invalid_argument",
      `Cannot read the body: not JSON${place === undefined ? "" : ` at ${place}`}.`,
    );
  }
}
