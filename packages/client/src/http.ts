// Sends requests of any route: sets address, headers and time limit, and converts connection failures to errors.
import { deadlineSignal, linkSignals, TimeoutError, withTimeout } from "@waggle/async";
import { routePath, WaggleError, type Route } from "@waggle/protocol";
import { fetchDirectly } from "./fetch-directly.ts";
import { networkReason } from "./network-reason.ts";
import { readJson, readText, type Schema } from "./answer.ts";
import { responseError } from "./ask/server.ts";

const defaultRequestTimeoutMs = 10_000;
/** Number of characters of a refused URL that an error shows. */
const mostShownChars = 80;

export interface ClientOptions {
  /** Such as `http://127.0.0.1:7701`. A path in the URL precedes the paths of all routes. */
  readonly baseUrl: string;
  /** Sent as `Authorization: Bearer`. A worker in local mode needs no token. */
  readonly token?: string | undefined;
  readonly fetch?: typeof globalThis.fetch;
  /** Time limit of a whole request, or of a stream until its headers arrive. 10 s by default. */
  readonly requestTimeoutMs?: number;
}

export interface CallOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface Call extends CallOptions {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  /** A body that is no JSON, sent while it is read. */
  readonly upload?: { readonly type: string; readonly bytes: ReadableStream<Uint8Array> };
  readonly accept?: string;
  /** Statuses other than 2xx for which the body is a result instead of an error. */
  readonly answers?: readonly number[];
  /** Replaces the client's time limit, for calls that are always slow. */
  readonly timeoutMs?: number;
}

export type JsonRoute<T> = Pick<Route, "method" | "path"> & { readonly response: Schema<T> };
export type AnyRoute = Pick<Route, "method" | "path">;

/**
 * Failed calls reject with a WaggleError: the error that the server sent, or `unavailable` without a response (server down, connection broken, time
 * limit). When the caller's signal aborts, calls reject with its reason.
 */
export interface Http {
  json<T>(route: JsonRoute<T>, call?: Call): Promise<T>;
  text(route: AnyRoute, call?: Call): Promise<string>;
  /** Resolves when the headers have arrived. After a rejection, the caller must abort the signal: otherwise a request that is too slow continues. */
  open(route: AnyRoute, call: Call & { readonly signal: AbortSignal }): Promise<Response>;
}

export function createHttp(options: ClientOptions): Http {
  const base = parseBaseUrl(options.baseUrl);
  const { fetch = globalThis.fetch, requestTimeoutMs = defaultRequestTimeoutMs } = options;
  const authorization: Record<string, string> =
    options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };

  async function send(route: AnyRoute, call: Call, signal: AbortSignal): Promise<Response> {
    const response = await fetchDirectly(fetch, addressOf(base, route, call), {
      method: route.method.toUpperCase(),
      headers: {
        accept: call.accept ?? "application/json",
        ...authorization,
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        ...(call.upload === undefined ? {} : { "content-type": call.upload.type }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      // Without "half", fetch refuses a body that is a stream.
      ...(call.upload === undefined ? {} : { body: call.upload.bytes, duplex: "half" as const }),
      signal,
    });
    if (response.ok || call.answers?.includes(response.status) === true) return response;
    throw await responseError(response, routeLabel(route));
  }

  /** The reason of the caller's signal if the signal has aborted, otherwise the error of the server or of the connection. */
  function failure(error: unknown, { signal, timeoutMs = requestTimeoutMs }: Call): unknown {
    if (signal?.aborted === true) return signal.reason;
    if (error instanceof WaggleError) return error;
    const reason = error instanceof TimeoutError ? `no answer within ${timeoutMs} ms` : networkReason(error);
    return new WaggleError("unavailable", `Cannot reach ${base.origin}: ${reason}`, { cause: error });
  }

  async function request<T>(route: AnyRoute, call: Call, read: (response: Response) => Promise<T>): Promise<T> {
    using deadline = deadlineSignal(call.timeoutMs ?? requestTimeoutMs);
    using signal = linkSignals(call.signal, deadline.signal);
    try {
      return await read(await send(route, call, signal));
    } catch (error) {
      throw failure(deadline.signal.aborted ? deadline.signal.reason : error, call);
    }
  }

  return {
    json: (route, call = {}) =>
      request(route, call, (response) => readJson(response, route.response, routeLabel(route))),
    text: (route, call = {}) => request(route, call, readText),
    open: async (route, call) => {
      try {
        return await withTimeout(send(route, call, call.signal), requestTimeoutMs, "The headers did not come in time");
      } catch (error) {
        throw failure(error, call);
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

function addressOf(base: { readonly prefix: string }, route: AnyRoute, call: Call): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query ?? {})) if (value !== undefined) query.set(name, String(value));
  const path = base.prefix + routePath(route, call.params);
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

function routeLabel(route: AnyRoute): string {
  return `${route.method.toUpperCase()} ${route.path}`;
}
