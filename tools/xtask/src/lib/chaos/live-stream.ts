// Owns one stream as a client reads it with fetch: what has come, what is awaited, how it was over, and leaving it.
import { ErrorBodySchema, type ErrorCode, type StreamEvent, type TerminalEvent } from "@waggle/protocol";
import { parseSse } from "@waggle/sse";
import { createStreamOrder } from "./stream-order.ts";
import { isToken } from "./stream-events.ts";
import { waitFor } from "./waits.ts";

export interface StreamRequest {
  readonly url: string;
  /** Posted as JSON; without it the request is a GET. */
  readonly body?: unknown;
  /** Resume after this token index. */
  readonly after?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Gives the request up, also before its headers have come. */
  readonly signal?: AbortSignal;
}

export interface StreamOver {
  /** complete: closed cleanly; broken: the reader's read rejected; left: we went. */
  readonly how: "complete" | "broken" | "left";
  readonly terminal: TerminalEvent | undefined;
  /** `[DONE]` had come. */
  readonly done: boolean;
}

export interface LiveStream {
  readonly events: readonly StreamEvent[];
  readonly text: string;
  readonly tokens: number;
  /** What broke the stream's rules. */
  readonly problems: readonly string[];
  /** All bytes so far, as text. */
  readonly raw: string;
  /** The first event that fits, come or still to come. @throws Error when the stream is over before */
  event(what: string, fits: (event: StreamEvent) => boolean): Promise<StreamEvent>;
  /** A token that has not come yet. @throws Error when the stream is over before */
  nextToken(): Promise<void>;
  /** Never rejects. */
  readonly over: Promise<StreamOver>;
  /** Breaks the connection off, as a client does that is closed. */
  leave(): void;
}

/** The answer was not a stream. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly status: number;
  readonly code: ErrorCode | undefined;

  constructor(status: number, body: string) {
    super(`The worker answered ${status}: ${body.slice(0, 300)}`);
    this.status = status;
    this.code = codeIn(body);
  }
}

function codeIn(body: string): ErrorCode | undefined {
  try {
    return ErrorBodySchema.safeParse(JSON.parse(body)).data?.error.code;
  } catch {
    return undefined;
  }
}

/** Resolves when the headers have come. @throws RefusedError, or whatever fetch throws */
export async function openStream(request: StreamRequest): Promise<LiveStream> {
  const abort = new AbortController();
  const signal = request.signal === undefined ? abort.signal : AbortSignal.any([abort.signal, request.signal]);
  const response = await waitFor("the headers of a stream", fetch(request.url, { ...initOf(request), signal }));
  if (response.status !== 200 || response.body === null) throw new RefusedError(response.status, await response.text());
  return follow(response.body, abort, request.after ?? -1);
}

function initOf({ body, after, headers }: StreamRequest): RequestInit {
  return {
    method: body === undefined ? "GET" : "POST",
    headers: {
      accept: "text/event-stream",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(after === undefined ? {} : { "last-event-id": String(after) }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
}

function follow(body: ReadableStream<Uint8Array>, abort: AbortController, after: number): LiveStream {
  const order = createStreamOrder(after);
  const events: StreamEvent[] = [];
  const texts: string[] = [];
  const reader = body.getReader();
  const utf8 = new TextDecoder();
  const watchers = new Set<() => void>();
  let raw = "";
  let isOver = false;

  function tell(): void {
    for (const watcher of [...watchers]) watcher();
  }

  async function* tapped(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      raw += utf8.decode(value, { stream: true });
      yield value;
    }
  }

  async function read(): Promise<StreamOver["how"]> {
    try {
      for await (const frame of parseSse(tapped())) {
        const event = order.take(frame);
        if (event === undefined) continue;
        events.push(event);
        if (event.type === "token") texts.push(event.text);
        tell();
      }
      return abort.signal.aborted ? "left" : "complete";
    } catch {
      return abort.signal.aborted ? "left" : "broken";
    }
  }

  const over = read().then((how): StreamOver => {
    isOver = true;
    tell();
    return { how, terminal: order.terminal, done: order.done };
  });

  function event(what: string, fits: (event: StreamEvent) => boolean, from = 0): Promise<StreamEvent> {
    let seen = from;
    let stop = (): void => {};
    const found = new Promise<StreamEvent>((resolve, reject) => {
      const look = (): void => {
        for (; seen < events.length; seen += 1) {
          const candidate = events[seen];
          if (candidate !== undefined && fits(candidate)) return resolve(candidate);
        }
        if (isOver) reject(new Error(`The stream was over before ${what}: ${JSON.stringify(events.slice(-3))}`));
      };
      stop = () => watchers.delete(look);
      watchers.add(look);
      look();
    });
    return waitFor(what, found).finally(stop);
  }

  return {
    events,
    get text() {
      return texts.join("");
    },
    get tokens() {
      return texts.length;
    },
    problems: order.problems,
    get raw() {
      return raw;
    },
    event: (what, fits) => event(what, fits),
    async nextToken() {
      await event("the stream's next token", isToken, events.length);
    },
    over,
    leave() {
      abort.abort(new Error("The reader leaves"));
      // An abort that meets the end of the body may leave a read pending for ever; this ends it.
      reader.cancel().catch(() => {});
    },
  };
}
