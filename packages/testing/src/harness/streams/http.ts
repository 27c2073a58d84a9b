// Owns one HTTP exchange and its times: the sending, the headers' arrival, and the arrival of each frame's bytes. Independent of dialects, and
// without checks.
import { connect, type Socket } from "node:net";
import { request as httpRequest, type Agent, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { onAbort } from "@waggle/async";
import { ErrorBodySchema } from "@waggle/protocol";
import { createSseDecoder, type Decoder, type SseFrame } from "@waggle/protocol/sse";
import { objectIn } from "../processes/log.ts";
import type { StreamEncoding } from "./dialects.ts";
import { waitFor } from "../wait.ts";

export interface Request {
  readonly url: string;
  /** Posted as JSON. A request without a body is a GET. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Without an agent, the request opens a new connection. */
  readonly agent?: Agent;
  /** Longest wait for the headers, and for each frame of a stream. Pings do not count as frames. */
  readonly silenceMs?: number;
  /** Aborts the exchange, also before the headers' arrival. */
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Milliseconds of `performance.now()`, like `headersAt`. */
  readonly sentAt: number;
  readonly headersAt: number;
  /** The whole body as text. @throws Error when the connection breaks or the body is too long; TimeoutError when the body does not end */
  text(): Promise<string>;
  /** Reads the body as a stream, by default of server-sent events. Calls the reader within the socket's event, so that frame times are exact. */
  frames(reader: FrameReader, encoding?: StreamEncoding): FrameStream;
}

export interface FrameReader {
  /** @param at when the frame's last bytes were read, in milliseconds of `performance.now()` */
  onFrame(frame: SseFrame, at: number): void;
  /** Called with each piece of received text, pings included, before the frames in that piece. */
  onText?(text: string): void;
}

export interface FrameStream {
  /** complete: the stream ended cleanly. broken: the connection broke, or was silent too long. left: `leave` was called. Never rejects. */
  readonly over: Promise<{ readonly how: "complete" | "broken" | "left"; readonly reason?: string }>;
  /** Closes the connection before the stream's end, as a client does that quits. */
  leave(): void;
}

/** The server answered with a status other than 200. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly status: number;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(status: number, body: string) {
    const error = ErrorBodySchema.safeParse(objectIn(body)).data?.error;
    super(`The server answered ${status}: ${error?.message ?? body.slice(0, bodyCharsShown)}`);
    this.status = status;
    this.details = error?.details;
  }
}

const bodyCharsShown = 500;
const bodyCharsLimit = 64 * 1_048_576;
/** Longest wait for the headers of a request without `silenceMs`. */
const headersLimitMs = 60_000;

/** Resolves when the headers have arrived. @throws Error when no headers arrive; the signal's reason */
export function send(request: Request): Promise<Answer> {
  const { url, body, agent, silenceMs, signal } = request;
  const text = body === undefined ? "" : JSON.stringify(body);
  const posted = { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) };
  const headers = { accept: "text/event-stream", ...(body === undefined ? {} : posted), ...request.headers };
  const method = body === undefined ? "GET" : "POST";
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, { method, headers, agent: agent ?? false });
    const sentAt = performance.now();
    const giveUp = (error: Error): void => {
      outgoing.destroy(error);
      reject(error);
    };
    const limitMs = silenceMs ?? headersLimitMs;
    const silence = setTimeout(() => giveUp(silent(limitMs, 0)), limitMs);
    const unlisten = signal === undefined ? () => {} : onAbort(signal, () => giveUp(signal.reason as Error));
    outgoing.once("response", (incoming) => {
      clearTimeout(silence);
      resolve({
        status: incoming.statusCode ?? 0,
        headers: incoming.headers,
        sentAt,
        headersAt: performance.now(),
        text: () => readBodyText(incoming),
        frames: (reader, encoding = "sse") => readFrames(incoming, decoders[encoding], reader, silenceMs),
      });
    });
    outgoing.on("error", (error) => reject(new Error(`Cannot reach ${url}: ${error.message}`, { cause: error })));
    outgoing.once("close", () => {
      clearTimeout(silence);
      unlisten();
    });
    outgoing.end(text);
  });
}

const decoders: Readonly<Record<StreamEncoding, typeof createLineDecoder>> = {
  sse: createSseDecoder,
  ndjson: createLineDecoder,
};

/** Makes a frame of each line, also of an empty line: the caller decides whether empty lines are allowed. */
function createLineDecoder(emit: (frame: SseFrame) => void): Pick<Decoder, "feed"> {
  let begun = "";
  return {
    feed(text) {
      const lines = (begun + text).split("\n");
      begun = lines.pop() ?? "";
      for (const data of lines) emit({ data });
    },
  };
}

function readFrames(
  incoming: IncomingMessage,
  createDecoder: typeof createLineDecoder,
  reader: FrameReader,
  silenceMs: number | undefined,
): FrameStream {
  let frames = 0;
  let at = 0;
  let left = false;
  let broken: Error | undefined;
  const decoder = createDecoder((frame) => {
    frames += 1;
    silence?.refresh();
    reader.onFrame(frame, at);
  });
  const fail = (error: Error): void => {
    broken ??= error;
    incoming.destroy();
  };
  const silence = silenceMs === undefined ? undefined : setTimeout(() => fail(silent(silenceMs, frames)), silenceMs);
  incoming.setEncoding("utf8");
  incoming.on("data", (text: string) => {
    at = performance.now();
    try {
      reader.onText?.(text);
      decoder.feed(text);
    } catch (error) {
      fail(error as Error);
    }
  });
  incoming.on("error", (error) => {
    broken ??= new Error(`The stream broke: ${error.message}`, { cause: error });
  });
  const over = new Promise<void>((resolve) => incoming.once("close", resolve)).then(() => {
    clearTimeout(silence);
    if (left) return { how: "left" } as const;
    if (broken !== undefined) return { how: "broken", reason: broken.message } as const;
    return incoming.complete
      ? ({ how: "complete" } as const)
      : ({ how: "broken", reason: "The stream broke" } as const);
  });
  return {
    over,
    leave() {
      left = true;
      incoming.destroy();
    },
  };
}

function readBodyText(incoming: IncomingMessage): Promise<string> {
  const read = async (): Promise<string> => {
    let text = "";
    for await (const part of incoming.setEncoding("utf8")) {
      text += String(part);
      if (text.length > bodyCharsLimit) throw new Error(`The answer is longer than ${bodyCharsLimit} characters`);
    }
    return text;
  };
  return waitFor("the end of a body", read()).catch((error: unknown) => {
    incoming.destroy();
    throw error;
  });
}

function silent(silenceMs: number, frames: number): Error {
  return new Error(`No event for ${silenceMs / 1_000} s, after ${frames} events`);
}

/** Posts over a raw TCP socket, and reads nothing from it. */
export function postWithoutReading(url: string, body: object): Socket {
  const { hostname, port, host, pathname } = new URL(url);
  const text = JSON.stringify(body);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.pause();
  // The server is expected to cut the connection; its metrics show when.
  socket.on("error", () => {});
  const head = `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json`;
  socket.write(`${head}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  return socket;
}
