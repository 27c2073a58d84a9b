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
  send(method: "GET" | "POST" | "DELETE", path: string, call?: ServerCall): Promise<Response>;
}

export interface ServerCall {
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface ServerOptions {
  /** Such as `http://127.0.0.1:7711`. A path in the URL precedes the paths of all routes. */
  readonly url: string;
  /** Sent as `Authorization: Bearer`. A server in local mode needs no token. */
  readonly token?: string | undefined;
  readonly fetch?: typeof globalThis.fetch;
}

/** Time limit until a response begins, and for a body that is not a stream. */
const responseTimeoutMs = 30_000;

/** Matches tokens that a header can carry, and an empty variable, which is not a token. */
const sendable = /^[\x21-\x7E]*$/;

/** @throws WaggleError invalid_argument when the URL or the token cannot be used */
export function createServer({ url, token, fetch = globalThis.fetch }: ServerOptions): Server {
  if (!/^https?:\/\/[^@]+$/.test(url) || !URL.canParse(url)) {
    throw new WaggleError(
      "invalid_argument",
      "Cannot use the URL: it must be like http://127.0.0.1:7711, without a user.",
    );
  }
  if (token !== undefined && !sendable.test(token)) {
    throw new WaggleError("invalid_argument", "Cannot use the token: it must be ASCII characters without spaces.");
  }
  const base = url.replace(/\/+$/, "");
  const authorization: Record<string, string> =
    token === undefined || token === "" ? {} : { authorization: `Bearer ${token}` };
  return {
    async send(method, path, { headers, body, signal } = {}) {
      signal?.throwIfAborted();
      // The signals of these calls are short-lived, so the listener, which a body needs to its end, is never removed.
      const abort = new AbortController();
      signal?.addEventListener("abort", () => abort.abort(signal.reason), { once: true });
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        abort.abort();
      }, responseTimeoutMs);
      try {
        return await fetchDirectly(fetch, base + path, {
          method,
          headers: {
            ...authorization,
            ...(body === undefined ? {} : { "content-type": "application/json" }),
            ...headers,
          },
          ...(body === undefined ? {} : { body }),
          signal: abort.signal,
        });
      } catch (cause) {
        signal?.throwIfAborted();
        const reason = isLate ? `no answer within ${responseTimeoutMs / 1_000} s` : networkReason(cause);
        throw new WaggleError("unavailable", `Cannot reach ${base}: ${reason}`, { cause });
      } finally {
        clearTimeout(timer);
      }
    },
  };
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
