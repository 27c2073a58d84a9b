// Owns how a request body becomes a validated value, or an invalid_argument that names what was wrong.
import { WaggleError, invalidArgument } from "@waggle/protocol";
import { bodyLimit } from "hono/body-limit";
import type { MiddlewareHandler } from "hono";
import type { z } from "zod";
import type { AppContext, AppEnv } from "./context.ts";

export function limitBody(maxBytes: number): MiddlewareHandler<AppEnv> {
  return bodyLimit({
    maxSize: maxBytes,
    onError: () => {
      throw new WaggleError("payload_too_large", `Cannot accept the body: it is larger than ${maxBytes} bytes.`, {
        details: { max_bytes: maxBytes },
      });
    },
  });
}

/** @throws WaggleError invalid_argument */
export async function readBody<S extends z.ZodType>(c: AppContext, schema: S): Promise<z.output<S>> {
  const text = await c.req.text();
  const result = schema.safeParse(parseJson(text));
  if (!result.success) throw invalidArgument(result.error);
  return result.data;
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
