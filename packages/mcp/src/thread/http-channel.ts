// Reaches an MCP server over streamable HTTP. A request is sent once; a stream that ends before its answer is continued by a GET, which sends no call.
import { inBackground, linkSignals, sleep } from "@waggle/async";
import { parseSse, SseLimitError } from "@waggle/protocol/sse";
import type { JsonObject } from "../connection/json.ts";
import { isObject } from "../connection/json.ts";
import { serverLimits as limits } from "../connection/limits.ts";
import type { ServerSpec } from "../servers/read-servers.ts";
import { rpcAnswer, createFlow, readMessages, replyTo } from "./messages.ts";
import type { Answer, Channel, ChannelEvents, RequestOptions } from "./messages.ts";

export interface HttpOptions extends Pick<ChannelEvents, "onNotification"> {
  readonly transport: Extract<ServerSpec["transport"], { kind: "http" }>;
  readonly now: () => number;
}

const longMessage = `it sent a message of more than ${limits.messageBytes} bytes`;

/** The server exceeded a limit. */
class LimitError extends Error {
  override readonly name = "LimitError";
}

/** Where a stream ended. */
interface StreamPosition {
  lastId?: string;
  retryMs: number;
  /** Attempts to continue without a new event. */
  attempts: number;
}

export function createHttpChannel({ transport: { url, headers }, now, onNotification }: HttpOptions): Channel {
  const flow = createFlow(now);
  const closing = new AbortController();
  let listening: AbortController | undefined;
  let session: string | undefined;
  let version: string | undefined;
  let nextId = 0;
  let replies = 0;

  async function send(
    method: "GET" | "POST",
    more: JsonObject | string | undefined,
    signal: AbortSignal,
    own: RequestOptions["headers"] = {},
  ): Promise<Response> {
    const isCall = typeof more === "object";
    const isFirst = isCall && more["method"] === "initialize";
    const response = await fetch(url, {
      method,
      headers: {
        ...headers,
        accept: isCall ? "application/json, text/event-stream" : "text/event-stream",
        ...(isCall ? { "content-type": "application/json" } : {}),
        ...(isFirst || session === undefined ? {} : { "mcp-session-id": session }),
        ...(isFirst || version === undefined ? {} : { "mcp-protocol-version": version }),
        ...(typeof more === "string" ? { "last-event-id": more } : {}),
        ...own,
      },
      ...(isCall ? { body: JSON.stringify({ jsonrpc: "2.0", ...more }) } : {}),
      // A redirect would send the headers, which may be secrets, to another address.
      redirect: "manual",
      signal,
    });
    // Such a body is not read, and may never end.
    if (!isCall && !response.ok) await response.body?.cancel();
    return response;
  }

  /** Sends a message that has no answer. Resolves also when it is not taken. */
  async function post(message: JsonObject): Promise<void> {
    using leaving = linkSignals(closing.signal, AbortSignal.timeout(limits.postMs));
    await send("POST", message, leaving)
      .then(async ({ body }) => await body?.cancel())
      .catch(() => {});
  }

  function notify(method: string, params: JsonObject = {}): void {
    inBackground("notify the server", post({ method, params }));
  }

  function receive(message: JsonObject): void {
    const reply = replyTo(message);
    if (reply === undefined && typeof message["method"] === "string") onNotification(message["method"]);
    if (reply === undefined || replies >= limits.replies) return;
    replies += 1;
    const done = post(reply).finally(() => (replies -= 1));
    inBackground("reply", done);
  }

  function count(messages: number, bytes: number, kept = 0): void {
    if (kept > limits.messageBytes) throw new LimitError(longMessage);
    const problem = flow.add(messages, bytes);
    if (problem !== undefined) throw new LimitError(problem);
  }

  async function readText({ body }: Response): Promise<string> {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of body ?? []) {
      bytes += chunk.length;
      count(0, chunk.length, bytes);
      pieces.push(chunk);
    }
    return Buffer.concat(pieces).toString("utf8");
  }

  /** @returns the answer to the request with the id; the server's own messages are received */
  function find(messages: readonly JsonObject[], id: number | undefined): Answer | undefined {
    let found: Answer | undefined;
    for (const message of messages) {
      count(1, 0);
      const answer = rpcAnswer(message);
      if (answer === undefined) receive(message);
      else if (String(message["id"]) === String(id)) found ??= answer;
    }
    return found;
  }

  async function* counted({ body }: Response): AsyncGenerator<Uint8Array> {
    for await (const chunk of body ?? []) {
      count(0, chunk.length);
      yield chunk;
    }
  }

  async function readStream(response: Response, place: StreamPosition, id?: number): Promise<Answer | undefined> {
    const onRetry = (ms: number): void => void (place.retryMs = Math.max(ms, limits.shortestResumeMs));
    try {
      for await (const event of parseSse(counted(response), { maxFrameBytes: limits.messageBytes, onRetry })) {
        place.attempts = 0;
        if (event.id !== undefined) place.lastId = event.id;
        const found = find(readMessages(event.data), id);
        if (found !== undefined) return found;
      }
    } catch (error) {
      throw error instanceof SseLimitError ? new LimitError(longMessage) : error;
    }
    return undefined;
  }

  /** Reads the stream of a request to its answer. Only the first response exists because of the request. */
  async function followStream(first: Response, id: number, signal: AbortSignal): Promise<Answer> {
    const place: StreamPosition = { retryMs: limits.resumeMs, attempts: 0 };
    let response = first;
    for (;;) {
      const found = await readStream(response, place, id).catch((error: unknown) => {
        if (error instanceof LimitError || place.lastId === undefined) throw error;
        return undefined;
      });
      if (found !== undefined) return found;
      const { lastId } = place;
      if (lastId === undefined || place.attempts >= limits.resumes)
        return { kind: "lost", problem: "its answer ended before the result", wasSent: true };
      place.attempts += 1;
      await sleep(Math.min(place.retryMs, limits.longestResumeMs), { signal });
      response = await send("GET", lastId, signal);
      if (!response.ok) return { kind: "lost", problem: statusWords(response), wasSent: true };
    }
  }

  async function readRefusal(response: Response, id: number): Promise<Answer> {
    const { status } = response;
    const text = await readText(response);
    const isSession = session !== undefined && (status === 404 || (status === 400 && sessionWords.test(text)));
    const problem = statusWords(response);
    if (isSession) return { kind: "refused", problem, isSession };
    // A server that answers the request in the words of JSON-RPC says more than its status.
    const found = find(readMessages(text), id);
    if (found !== undefined) return found;
    const isRefused = status >= 400 && status < 500 && status !== 408;
    return isRefused ? { kind: "refused", problem, isSession } : { kind: "lost", problem, wasSent: true };
  }

  async function readAnswer(response: Response, id: number, signal: AbortSignal): Promise<Answer> {
    if (!response.ok) return await readRefusal(response, id);
    if (/^text\/event-stream\b/i.test(response.headers.get("content-type") ?? ""))
      return await followStream(response, id, signal);
    const text = await readText(response);
    if (text.trim() === "") return { kind: "lost", problem: "it gave no result", wasSent: true };
    const messages = readMessages(text);
    // The only answer in a response belongs to its request, whatever its id is.
    const [only] = messages;
    const found = find(messages, id) ?? (messages.length === 1 && only !== undefined ? rpcAnswer(only) : undefined);
    return found ?? { kind: "error", error: "The server's answer is no message of MCP." };
  }

  async function requestOnce(
    method: string,
    params: JsonObject,
    { signal, onSent, headers: own }: RequestOptions,
  ): Promise<Answer> {
    nextId += 1;
    const id = nextId;
    using leaving = linkSignals(signal, closing.signal);
    try {
      onSent?.();
      const response = await send("POST", { id, method, params }, leaving, own);
      if (method === "initialize") session = response.headers.get("mcp-session-id") ?? undefined;
      return await readAnswer(response, id, leaving);
    } catch (error) {
      if (!leaving.aborted) return lostBy(error);
      if (!closing.signal.aborted && own === undefined)
        notify("notifications/cancelled", { requestId: id, reason: "The caller left." });
      return { kind: "lost", problem: "the request was cancelled", wasSent: true };
    }
  }

  /** Receives the server's notifications, as long as the session exists. A server without such a stream answers with a 405. */
  async function listen(signal: AbortSignal): Promise<void> {
    const place: StreamPosition = { retryMs: limits.resumeMs, attempts: 0 };
    while (!signal.aborted) {
      try {
        const response = await send("GET", place.lastId, signal);
        if (!response.ok) return;
        await readStream(response, place);
      } catch (error) {
        if (error instanceof LimitError) return;
      }
      const delayMs = Math.min(place.retryMs * 2 ** place.attempts, limits.longestResumeMs);
      place.attempts = Math.min(place.attempts + 1, limits.resumes);
      await sleep(delayMs, { signal }).catch(() => {});
    }
  }

  return {
    async request(method, params, options = {}) {
      const answer = await requestOnce(method, params, options);
      const words = session === undefined || answer.kind !== "error" ? "" : errorWords(answer.error);
      if (!sessionWords.test(words)) return answer;
      // A tool may speak of sessions too. If a ping gets the same error, the server refused the request before any tool ran.
      const probe = await requestOnce("ping", {}, options);
      const isSession =
        probe.kind === "refused" ? probe.isSession : probe.kind === "error" && errorWords(probe.error) === words;
      return isSession ? { kind: "refused", problem: "it does not know the session", isSession } : answer;
    },
    notify,
    onInitialized(agreed, followsTools) {
      version = agreed;
      listening?.abort();
      if (!followsTools) return;
      listening = new AbortController();
      inBackground("listen", listen(listening.signal));
    },
    async close() {
      listening?.abort();
      closing.abort();
    },
  };
}

const sessionWords = /session|not initialized/i;

function errorWords(error: unknown): string {
  return isObject(error) && typeof error["message"] === "string" ? error["message"] : "";
}

function statusWords({ status }: Response): string {
  return `it answered with HTTP status ${status}`;
}

/** The request did not reach the server. */
const unreached = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** Errors of fetch may quote the URL, which may hold a secret; so only the code is shown. */
function lostBy(error: unknown): Answer {
  if (error instanceof LimitError) return { kind: "lost", problem: error.message, wasSent: true };
  const { cause } = error as { readonly cause?: { readonly code?: unknown } };
  const code = typeof cause?.code === "string" ? cause.code : undefined;
  const problem = code === undefined ? "its connection ended" : `it cannot be reached (${code})`;
  return { kind: "lost", problem, wasSent: code === undefined || !unreached.has(code) };
}
