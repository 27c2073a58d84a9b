// Owns the recording of one inference stream: every frame with the moment at which its bytes reached our socket. It judges nothing.
import { request, type IncomingMessage } from "node:http";
import { createChannel, type Channel } from "@waggle/async";
import type { GenerateRequestInput } from "@waggle/protocol";
import { parseSse, type SseFrame } from "@waggle/sse";

export interface ReceivedFrame {
  readonly frame: SseFrame;
  /** Milliseconds from the sending of the request to the arrival of the bytes that completed the frame. */
  readonly arrivalMs: number;
}

export interface StreamOptions {
  readonly url: string;
  readonly body: GenerateRequestInput;
  /** Where the worker wants a token. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest wait for a frame, and for the headers. Pings are no frames: a stream that only pings is silent. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
}

interface Chunk {
  readonly bytes: Uint8Array;
  readonly arrivalMs: number;
}

/** A whole answer waits in here at worst, as when this process is kept from running. */
const chunksLimit = 100_000;
const errorBodyCharsLimit = 2_000;

/**
 * Posts the request and yields each frame of the answer, to the end of the stream.
 * @throws Error when the answer is not 200, the connection breaks, or no frame arrives for `silenceMs`; the signal's reason when it aborts
 */
export async function* receiveStream(options: StreamOptions): AsyncGenerator<ReceivedFrame, void> {
  const controller = new AbortController();
  const chunks = createChannel<Chunk>({ capacity: chunksLimit });
  const fail = (error: unknown): void => {
    chunks.fail(error);
    controller.abort(error);
  };
  const abort = (): void => fail(options.signal.reason);
  options.signal.addEventListener("abort", abort, { once: true });

  let frames = 0;
  const silence = setTimeout(() => {
    fail(new Error(`No event for ${options.silenceMs / 1_000} s, after ${frames} events`));
  }, options.silenceMs);

  let arrivalMs = 0;
  async function* bytes(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of chunks) {
      // The parser drains one chunk before it asks for the next, so this is the arrival of every frame that it emits until then.
      arrivalMs = chunk.arrivalMs;
      yield chunk.bytes;
    }
  }

  try {
    if (options.signal.aborted) abort();
    else post(options, controller.signal, chunks, fail);
    for await (const frame of parseSse(bytes())) {
      frames += 1;
      silence.refresh();
      yield { frame, arrivalMs };
    }
  } finally {
    clearTimeout(silence);
    options.signal.removeEventListener("abort", abort);
    controller.abort();
  }
}

/** Sends the request and stamps each chunk in the socket's own event: nothing that we do with a chunk delays the stamp of the next. */
function post(
  options: StreamOptions,
  signal: AbortSignal,
  chunks: Channel<Chunk>,
  fail: (error: unknown) => void,
): void {
  const headers = { "content-type": "application/json", accept: "text/event-stream", ...options.headers };
  const sentAt = performance.now();
  const outgoing = request(options.url, { method: "POST", headers, agent: false, signal }, (incoming) => {
    if (incoming.statusCode !== 200) {
      void refusal(incoming).then(fail, fail);
      return;
    }
    incoming.on("data", (bytes: Buffer) => {
      const taken = chunks.send({ bytes, arrivalMs: performance.now() - sentAt });
      if (!taken) incoming.destroy();
    });
    incoming.on("end", () => chunks.close());
    incoming.on("error", (error) => fail(new Error(`The stream broke: ${error.message}`, { cause: error })));
  });
  outgoing.on("error", (error) => fail(new Error(`Cannot post to ${options.url}: ${error.message}`, { cause: error })));
  outgoing.end(JSON.stringify(options.body));
}

async function refusal(incoming: IncomingMessage): Promise<Error> {
  let body = "";
  incoming.setEncoding("utf8");
  for await (const text of incoming) body = (body + String(text)).slice(0, errorBodyCharsLimit);
  return new Error(`The worker answered ${incoming.statusCode}: ${messageIn(body)}`);
}

function messageIn(body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: { message?: string } };
    return error?.message ?? body;
  } catch {
    return body;
  }
}
