// Sends requests to one server, and converts refusals and lost connections to errors. Uses only what browsers and Node share.
import { errorKinds, WaggleError, type ErrorCode } from "@waggle/protocol/errors";
import { readText } from "../answer.ts";
import { fetchDirectly } from "../fetch-directly.ts";
import { networkReason } from "../network-reason.ts";

export interface Server {
  /**
   * Resolves when the response begins, with any status.
   * @throws the signal's reason; WaggleError unavailable if no response begins
   */
  send(method: string, path: string, call?: ServerCall): Promise<Response>;
  /** The error of a request whose connection broke. */
  unreachable(cause: unknown): WaggleError;
}

export interface ServerCall {
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, or a stream, which needs the header with its type. */
  readonly body?: string | ReadableStream<Uint8Array> | undefined;
  readonly signal?: AbortSignal;
  /** Time limit until a response begins. */
  readonly timeoutMs?: number;
}

export interface ServerOptions {
  /** Such as `http://127.0.0.1:7711`. A path in the URL precedes the paths of all routes. */
  readonly url: string;
  /** Sent as `Authorization: Bearer`. A server in local mode needs no token. */
  readonly token?: string | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** Time limit until a response begins, and for a body that is not a stream. */
const responseTimeoutMs = 30_000;
/** Number of characters of a refused URL that an error shows. */
const mostShownChars = 80;

/** Matches tokens that a header can carry, and an empty variable, which is not a token. */
const sendable = /^[\x21-\x7E]*$/;

/** @throws WaggleError invalid_argument when the URL or the token cannot be used */
export function createServer({ url, token, fetch = globalThis.fetch }: ServerOptions): Server {
  const base = parseBaseUrl(url);
  if (token !== undefined && !sendable.test(token)) {
    throw new WaggleError("invalid_argument", "Cannot use the token: it must be ASCII characters without spaces.");
  }
  const authorization: Record<string, string> =
    token === undefined || token === "" ? {} : { authorization: `Bearer ${token}` };
  const failed = (reason: string, cause: unknown): WaggleError =>
    new WaggleError("unavailable", `Cannot reach ${base.origin}: ${reason}`, { cause });
  const unreachable = (cause: unknown): WaggleError => failed(networkReason(cause), cause);
  return {
    unreachable,
    async send(method, path, { headers, body, signal, timeoutMs = responseTimeoutMs } = {}) {
      signal?.throwIfAborted();
      // The signals of these calls are short-lived, so the listener, which a body needs to its end, is never removed.
      const abort = new AbortController();
      signal?.addEventListener("abort", () => abort.abort(signal.reason), { once: true });
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        abort.abort();
      }, timeoutMs);
      try {
        return await fetchDirectly(fetch, base.prefix + path, {
          method,
          headers: {
            ...authorization,
            ...(typeof body === "string" ? { "content-type": "application/json" } : {}),
            ...headers,
          },
          ...(body === undefined ? {} : { body }),
          // Without "half", fetch refuses a body that is a stream.
          ...(typeof body === "object" ? { duplex: "half" as const } : {}),
          signal: abort.signal,
        });
      } catch (cause) {
        signal?.throwIfAborted();
        throw isLate ? failed(`no answer within ${timeoutMs} ms`, cause) : unreachable(cause);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function parseBaseUrl(text: string): { readonly origin: string; readonly prefix: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    const shown = text.replace(/^.*@/s, "…@").slice(0, mostShownChars);
    const wanted = "it must be http or https, without a user and password, such as http://127.0.0.1:7711";
    throw new WaggleError("invalid_argument", `Cannot use the URL ${JSON.stringify(shown)}: ${wanted}`);
  }
  return { origin: url.origin, prefix: url.origin + url.pathname.replace(/\/+$/, "") };
}

/** The error in the body of a response. If the body has no error, it is not from Waggle, and the status determines the error code. */
export async function responseError(response: Response, what: string): Promise<WaggleError> {
  const header = response.headers.get("retry-after") ?? "";
  const retry = /^\d{1,6}$/.test(header) ? { retryAfterS: Number(header) } : {};
  const error = errorIn(await bodyText(response));
  if (error === undefined) {
    return new WaggleError(codeForStatus(response.status), `${what} was answered with ${response.status}`, retry);
  }
  // OpenAI's routes have OpenAI's codes, or null.
  const { code = codeForStatus(response.status), ...rest } = error;
  return errorFrom({ code, ...rest }, retry);
}

/** The body of an answer that is not a stream; "" if it does not arrive. */
export async function bodyText(response: Response): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, responseTimeoutMs, "");
  });
  try {
    return await Promise.race([readText(response), late]);
  } catch {
    return "";
  } finally {
    clearTimeout(timer);
  }
}

interface ErrorFields {
  readonly code: string;
  readonly message: string;
  readonly details?: Record<string, unknown> | undefined;
}

/** A newer server may have codes that this client does not know. */
export function errorFrom(
  { code, message, details }: ErrorFields,
  retry: { readonly retryAfterS?: number } = {},
): WaggleError {
  const known = Object.hasOwn(errorKinds, code) ? (code as ErrorCode) : "internal";
  return new WaggleError(known, message, details === undefined ? retry : { ...retry, details });
}

function errorIn(text: string): (Omit<ErrorFields, "code"> & Partial<Pick<ErrorFields, "code">>) | undefined {
  try {
    const { error } = JSON.parse(text) as { readonly error?: ErrorFields };
    if (typeof error?.message !== "string") return undefined;
    const { code, ...rest } = error;
    return Object.hasOwn(errorKinds, code) ? error : rest;
  } catch {
    return undefined;
  }
}

function codeForStatus(status: number): ErrorCode {
  // A proxy says so while the server behind it restarts.
  if (status >= 502 && status <= 504) return "unavailable";
  const codes = Object.keys(errorKinds) as ErrorCode[];
  const code = codes.find((one) => errorKinds[one].status === status);
  return code ?? (status >= 500 ? "internal" : "invalid_argument");
}
