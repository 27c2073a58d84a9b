// Sends requests of any route, with a time limit, and validates their answers.
import { deadlineSignal, linkSignals } from "@waggle/async";
import { routePath, WaggleError, type Route } from "@waggle/protocol";
import { readJson, readText, type Schema } from "./answer.ts";
import { createServer, responseError, type ServerOptions } from "./ask/server.ts";

const defaultRequestTimeoutMs = 10_000;

export interface ClientOptions extends Pick<ServerOptions, "token" | "fetch"> {
  /** Such as `http://127.0.0.1:7701`. A path in the URL precedes the paths of all routes. */
  readonly baseUrl: string;
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
  /** Resolves when the headers have arrived. @param call `signal`: one of this call, which also ends the body */
  open(route: AnyRoute, call: Call & { readonly signal: AbortSignal }): Promise<Response>;
}

export function createHttp({ baseUrl, requestTimeoutMs = defaultRequestTimeoutMs, ...options }: ClientOptions): Http {
  const server = createServer({ url: baseUrl, ...options });

  async function send(route: AnyRoute, call: Call, signal: AbortSignal): Promise<Response> {
    const { body, upload, accept = "application/json", timeoutMs = requestTimeoutMs } = call;
    const response = await server.send(route.method.toUpperCase(), addressOf(route, call), {
      headers: { accept, ...(upload === undefined ? {} : { "content-type": upload.type }) },
      body: upload?.bytes ?? (body === undefined ? undefined : JSON.stringify(body)),
      signal,
      timeoutMs,
    });
    if (response.ok || call.answers?.includes(response.status) === true) return response;
    throw await responseError(response, routeLabel(route));
  }

  async function request<T>(route: AnyRoute, call: Call, read: (response: Response) => Promise<T>): Promise<T> {
    const { timeoutMs = requestTimeoutMs } = call;
    using deadline = deadlineSignal(timeoutMs);
    using signal = linkSignals(call.signal, deadline.signal);
    try {
      return await read(await send(route, call, signal));
    } catch (error) {
      if (call.signal?.aborted === true) throw call.signal.reason;
      if (error instanceof WaggleError) throw error;
      throw server.unreachable(deadline.signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error);
    }
  }

  return {
    json: (route, call = {}) =>
      request(route, call, (response) => readJson(response, route.response, routeLabel(route))),
    text: (route, call = {}) => request(route, call, readText),
    open: (route, call) => send(route, call, call.signal),
  };
}

function addressOf(route: AnyRoute, call: Call): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query ?? {})) if (value !== undefined) query.set(name, String(value));
  const path = routePath(route, call.params);
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

function routeLabel(route: AnyRoute): string {
  return `${route.method.toUpperCase()} ${route.path}`;
}
