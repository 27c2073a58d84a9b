// Reads the body of a response, and converts it to validated data. Without zod, because programs in browsers load this file.
import { WaggleError } from "@waggle/protocol/errors";
import { sourceOf } from "@waggle/protocol/sse";

/** Size limit of a response that is not a stream. */
const maxAnswerBytes = 16 * 1024 * 1024;

/** The part of a zod schema that the client uses. */
export interface Schema<T> {
  safeParse(value: unknown):
    | { readonly success: true; readonly data: T }
    | {
        readonly success: false;
        readonly error: {
          readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
        };
      };
}

/**
 * The value as the schema describes it; fields that the schema does not know are dropped.
 * @throws Error naming the first field that does not fit
 */
export function validate<T>(schema: Schema<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue === undefined || issue.path.length === 0 ? "it" : `field "${issue.path.map(String).join(".")}"`;
  throw new Error(`${field} does not follow the protocol: ${issue?.message ?? "invalid"}`);
}

/**
 * The JSON body of a response, validated.
 * @throws WaggleError internal when the body does not follow the protocol
 */
export async function readJson<T>(response: Response, schema: Schema<T>, what: string): Promise<T> {
  const text = await readText(response);
  try {
    return validate(schema, JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? "it is not JSON" : (cause as Error).message;
    throw new WaggleError("internal", `Cannot read the answer to ${what}: ${reason}`, { cause });
  }
}

/**
 * The body of a response as text.
 * @throws WaggleError internal when the body is larger than 16 MiB
 */
export async function readText(response: Response): Promise<string> {
  const utf8 = new TextDecoder();
  let text = "";
  let bytes = 0;
  // Not every browser can iterate over a body.
  const body = response.body === null ? undefined : sourceOf(response.body);
  for (let chunk = await body?.read(); chunk?.done === false; chunk = await body?.read()) {
    bytes += chunk.value.byteLength;
    if (bytes > maxAnswerBytes) {
      void body?.cancel().catch(() => {});
      throw new WaggleError("internal", `Cannot read the answer: it is larger than ${maxAnswerBytes} bytes`);
    }
    text += utf8.decode(chunk.value, { stream: true });
  }
  return text + utf8.decode();
}
