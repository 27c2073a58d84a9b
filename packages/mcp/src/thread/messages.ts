// Owns the messages of JSON-RPC: reads what a server sends, and answers its requests.
import { isObject } from "../connection/json.ts";
import type { JsonObject } from "../connection/json.ts";
import { serverLimits as limits } from "../connection/limits.ts";

/** What became of a request to the server. */
export type Answer =
  | { readonly kind: "result"; readonly result: unknown }
  | { readonly kind: "error"; readonly error: unknown }
  /** The server refused the request by its HTTP status, before any tool ran. `isSession`: because it does not know the session. */
  | { readonly kind: "refused"; readonly problem: string; readonly isSession: boolean }
  /** No answer came. */
  | { readonly kind: "lost"; readonly problem: string; readonly wasSent: boolean };

export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** Called before the first byte is sent. */
  readonly onSent?: () => void;
  /** Of a request without a session. Over HTTP, the end of its response cancels it. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A connection to a server, over stdio or HTTP. */
export interface Channel {
  /** Never rejects. */
  request(method: string, params: JsonObject, options?: RequestOptions): Promise<Answer>;
  notify(method: string, params?: JsonObject): void;
  /** Called when the server has taken this version of the protocol. */
  onInitialized(version: string, followsTools: boolean): void;
  /** Resolves when nothing of the server runs. */
  close(): Promise<void>;
}

export interface ChannelEvents {
  /** A notification of the server. */
  readonly onNotification: (method: string) => void;
  /** The connection ended by itself. Called once. */
  readonly onEnd: (problem: string) => void;
}

/** The messages in a text; none if it is not JSON: some servers print a greeting. */
export function readMessages(text: string): readonly JsonObject[] {
  try {
    const value = JSON.parse(text) as unknown;
    return (Array.isArray(value) ? (value as unknown[]) : [value]).slice(0, limits.messages).filter(isObject);
  } catch {
    return [];
  }
}

/** Undefined if the message answers no request. */
export function rpcAnswer(message: JsonObject): Answer | undefined {
  if (typeof message["method"] === "string") return undefined;
  if ("error" in message && message["error"] !== null) return { kind: "error", error: message["error"] };
  if ("result" in message) return { kind: "result", result: message["result"] };
  return "id" in message
    ? { kind: "error", error: "The server's answer has neither a result nor an error." }
    : undefined;
}

/** The answer to a request of the server: Waggle answers pings, and offers nothing else. Undefined for other messages. */
export function replyTo({ id, method }: JsonObject): JsonObject | undefined {
  const isId = typeof id === "number" || (typeof id === "string" && id.length <= limits.idChars);
  if (typeof method !== "string" || !isId) return undefined;
  if (method === "ping") return { jsonrpc: "2.0", id, result: {} };
  return { jsonrpc: "2.0", id, error: { code: -32601, message: "Method not found" } };
}

export interface Flow {
  /** Counts what the server sent. @returns the limit that it exceeds */
  add(messages: number, bytes: number): string | undefined;
}

export function createFlow(now: () => number): Flow {
  const messages = createWindow(now, limits.messages, limits.messageWindowMs);
  const bytes = createWindow(now, limits.bytes, limits.byteWindowMs);
  return {
    add(count, size) {
      if (messages(count)) return `it sent more than ${limits.messages} messages in a second`;
      return bytes(size) ? `it sent more than ${limits.bytes} bytes in ${limits.byteWindowMs / 1_000} s` : undefined;
    },
  };
}

function createWindow(now: () => number, most: number, windowMs: number): (amount: number) => boolean {
  let start = now();
  let total = 0;
  return (amount) => {
    if (now() - start > windowMs) [start, total] = [now(), 0];
    total += amount;
    return total > most;
  };
}
