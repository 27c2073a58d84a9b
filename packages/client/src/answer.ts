// Converts a response to validated data or to a WaggleError.
import { ErrorBodySchema, errorCodes, errorKinds, WaggleError, type ErrorCode } from "@waggle/protocol";

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
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxAnswerBytes) {
      throw new WaggleError("internal", `Cannot read the answer: it is larger than ${maxAnswerBytes} bytes`);
    }
    text += utf8.decode(chunk, { stream: true });
  }
  return text + utf8.decode();
}

/** The error in the body of a response. If the body has no error, it is not from Waggle, and the status determines the error code. */
export async function errorOf(response: Response, what: string): Promise<WaggleError> {
  const retryAfterS = retryAfterOf(response);
  const retry = retryAfterS === undefined ? {} : { retryAfterS };
  const body = ErrorBodySchema.safeParse(parseOrNothing(await readText(response)));
  if (!body.success)
    return new WaggleError(codeOf(response.status), `${what} was answered with ${response.status}`, retry);
  const { code, message, details } = body.data.error;
  return new WaggleError(code, message, details === undefined ? retry : { ...retry, details });
}

function retryAfterOf(response: Response): number | undefined {
  const header = response.headers.get("retry-after") ?? "";
  return /^\d+$/.test(header) ? Number(header) : undefined;
}

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function codeOf(status: number): ErrorCode {
  return (
    errorCodes.find((code) => errorKinds[code].status === status) ?? (status >= 500 ? "internal" : "invalid_argument")
  );
}
