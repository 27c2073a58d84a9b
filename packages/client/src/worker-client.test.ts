import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { WaggleError, type StreamEvent } from "@waggle/protocol";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { BrokenStreamError } from "./stream.ts";
import { serve, type Handler } from "./testing/serve.ts";
import type { ClientOptions } from "./http.ts";
import { createWorkerClient, type WorkerClient } from "./worker-client.ts";

async function clientOf(handler: Handler, options: Partial<ClientOptions> = {}): Promise<WorkerClient> {
  return createWorkerClient({ baseUrl: await serve(handler), ...options });
}

const started = { type: "started", stream_id: "j1", model: "m", prompt_tokens: 3, cached_tokens: 0, queue_ms: 1 };
const token = (index: number, word = `w${index}`): StreamEvent => ({
  type: "token",
  stream_id: "j1",
  index,
  text: word,
  t_ms: index,
});
const end = {
  type: "end",
  stream_id: "j1",
  finish_reason: "stop",
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, cached_tokens: 0 },
  timings: { queue_ms: 1, prefill_ms: 1, decode_ms: 1, total_ms: 3, tokens_per_second: 100 },
};
const failure = { type: "error", stream_id: "j1", code: "engine_failed", message: "The engine died.", retryable: true };

const sse = (...events: object[]): string =>
  events.map((event) => `event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
const done = "data: [DONE]\n\n";

function startSse(response: ServerResponse, body = ""): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(`: ping\n\n${body}`);
}

function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

async function collect(stream: AsyncIterable<StreamEvent>): Promise<{ events: StreamEvent[]; error?: unknown }> {
  const events: StreamEvent[] = [];
  try {
    for await (const event of stream) events.push(event);
  } catch (error) {
    return { events, error };
  }
  return { events };
}

/** Time passes only when the test advances it; sockets work as usual. */
function stopTime(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
}

const types = (events: readonly StreamEvent[]): string[] => events.map(({ type }) => type);

describe("a generation stream", () => {
  it("sends the request with its token and yields every event of a good SSE stream", async () => {
    const seen: unknown[] = [];
    const client = await clientOf(
      async (request, response) => {
        const { method, url, headers } = request;
        seen.push([method, url, headers.authorization, headers.accept, JSON.parse(await text(request))]);
        startSse(response, sse({ type: "status", stream_id: "j1", status: "thinking" }, started));
        response.write(sse(token(0), token(1)).slice(0, 40));
        response.write(sse(token(0), token(1)).slice(40));
        response.end(sse(end) + done);
      },
      { token: "secret" },
    );
    const { events, error } = await collect(client.inference({ prompt: "hi", max_tokens: 2 }));
    expect(error).toBeUndefined();
    expect(types(events)).toEqual(["status", "started", "token", "token", "end"]);
    expect(seen).toEqual([
      ["POST", "/v1/inference", "Bearer secret", "text/event-stream", { prompt: "hi", max_tokens: 2 }],
    ]);
  });

  it("drops unknown fields", async () => {
    const client = await clientOf((_, response) => {
      startSse(response, sse({ ...token(0), novelty: 1 }, end) + done);
      response.end();
    });
    const { events } = await collect(client.streamJob("j1"));
    expect(events[0]).toEqual(token(0));
  });

  it("yields an error event, and ignores that the connection breaks afterwards", async () => {
    const client = await clientOf((_, response) => {
      startSse(response, sse(started, token(0), failure));
      response.flushHeaders();
      setImmediate(() => response.destroy());
    });
    const { events, error } = await collect(client.streamJob("j1"));
    expect(error).toBeUndefined();
    expect(events.at(-1)).toEqual(failure);
  });

  it.each([
    ["ends cleanly without a terminal event", sse(started, token(0), token(1)), "it ended too early"],
    ["contains a token without an index", sse(token(1), { ...token(0), index: undefined }), 'field "index"'],
    ["contains text that is not JSON", `${sse(token(1))}data: {"text": secret\n\n`, "an event is not JSON"],
    ["contains an unknown event", sse(token(1), { type: "surprise" }), 'field "type"'],
    ["ends before the first event", "", "it ended too early"],
  ])("that %s is broken", async (_, body, reason) => {
    const client = await clientOf((request, response) => {
      startSse(response, body);
      response.end();
    });
    const { error } = await collect(client.streamJob("j1"));
    expect(error).toBeInstanceOf(BrokenStreamError);
    expect((error as BrokenStreamError).message).toContain(`Cannot read the stream to its end: `);
    expect((error as BrokenStreamError).message).toContain(reason);
    expect((error as BrokenStreamError).message).not.toContain("secret");
  });

  it("throws the reason when its connection breaks", async () => {
    const client = await clientOf((_, response) => {
      startSse(response, sse(started, token(0), token(1)));
      setImmediate(() => response.destroy());
    });
    const { events, error } = await collect(client.streamJob("j1"));
    expect(types(events)).toEqual(["started", "token", "token"]);
    expect(error).toBeInstanceOf(BrokenStreamError);
    expect(error).toMatchObject({ message: expect.stringContaining("the connection broke (") as string });
    expect((error as BrokenStreamError).cause).toBeInstanceOf(Error);
  });

  it("resumes after an index", async () => {
    const urls: unknown[] = [];
    const client = await clientOf((request, response) => {
      urls.push(request.url);
      startSse(response);
      response.end();
    });
    await collect(client.streamJob("a:b", { after: 7 }));
    expect(urls).toEqual(["/v1/jobs/a%3Ab/stream?after=7"]);
  });

  it("is empty when no events are left to resume", async () => {
    const client = await clientOf((_, response) => response.writeHead(204).end());
    expect(await collect(client.streamJob("j1", { after: 9 }))).toEqual({ events: [] });
  });

  it("is not requested before it is iterated", async () => {
    let requests = 0;
    const client = await clientOf((_, response) => {
      requests += 1;
      startSse(response, sse(end) + done);
      response.end();
    });
    const stream = client.streamJob("j1");
    await client.metrics().catch(() => {});
    expect(requests).toBe(1);
    await collect(stream);
    await collect(stream);
    expect(requests).toBe(3);
  });

  it("may be silent for 40 s after its headers and after each token", async () => {
    const rest: (() => unknown)[] = [];
    const client = await clientOf((_, response) => {
      startSse(response, sse(token(0)));
      rest.push(
        () => response.write(sse(token(1))),
        () => response.end(sse(end) + done),
      );
    });
    stopTime();
    const seen: string[] = [];
    for await (const { type } of client.streamJob("j1")) {
      seen.push(type);
      if (type !== "token") continue;
      vi.advanceTimersByTime(40_000);
      rest.shift()?.();
    }
    expect(seen).toEqual(["token", "token", "end"]);
  });
});

describe("leaving a stream", () => {
  /** A worker that sends one token and then nothing; `left` resolves when the client has gone. */
  async function silentAfterOneToken(): Promise<{ client: WorkerClient; left: Promise<unknown> }> {
    let left: Promise<unknown> | undefined;
    const client = await clientOf((_, response) => {
      left = once(response, "close");
      startSse(response, sse(token(0)));
    });
    return {
      client,
      get left() {
        return left ?? Promise.reject(new Error("No request came"));
      },
    };
  }

  it("by `break` aborts the request", async () => {
    const worker = await silentAfterOneToken();
    for await (const event of worker.client.inference({ prompt: "hi" })) {
      expect(event.type).toBe("token");
      break;
    }
    await worker.left;
  });

  it("by its signal throws the signal's reason", async () => {
    const worker = await silentAfterOneToken();
    const controller = new AbortController();
    const reason = new Error("enough");
    const stream = worker.client.inference({ prompt: "hi" }, { signal: controller.signal });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    const pending = iterator.next();
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
    await worker.left;
  });

  it("with an aborted signal sends no request", async () => {
    const stream = (await clientOf(() => expect.unreachable())).inference(
      { prompt: "hi" },
      { signal: AbortSignal.abort(new Error("too late")) },
    );
    await expect(collect(stream)).resolves.toMatchObject({ events: [], error: { message: "too late" } });
  });
});

describe("an error", () => {
  it("of the worker keeps its code, message, details and retry time", async () => {
    const error = new WaggleError("resource_exhausted", "The queue is full.", { details: { capacity: 4 } });
    const client = await clientOf((_, response) => sendJson(response, 429, error.toBody(), { "retry-after": "7" }));
    const expected = {
      code: "resource_exhausted",
      message: "The queue is full.",
      details: { capacity: 4 },
      retryAfterS: 7,
    };
    await expect(client.createJob({ prompt: "hi" })).rejects.toMatchObject(expected);
    await expect(collect(client.inference({ prompt: "hi" }))).resolves.toMatchObject({ events: [], error: expected });
    await expect(client.createJob({ prompt: "hi" })).rejects.toBeInstanceOf(WaggleError);
  });

  it.each([
    [502, "unavailable"],
    [404, "not_found"],
    [418, "invalid_argument"],
    [599, "internal"],
  ])("of another server gets its code from status %i", async (status, code) => {
    const client = await clientOf((_, response) => response.writeHead(status).end("<html>"));
    const message = `GET /v1/jobs/:id was answered with ${status}`;
    await expect(client.job("j1")).rejects.toMatchObject({ code, message });
  });

  it.each([
    ["not JSON", "<html>", "it is not JSON"],
    ["other JSON", '{"slots": [{"id": "one"}]}', 'field "slots.0.id" does not follow the protocol'],
    ["too large", "x".repeat(17 * 1024 * 1024), "larger than"],
  ])("is thrown for a response that is %s", async (_, body, reason) => {
    const client = await clientOf((request, response) => response.end(body));
    const message = expect.stringContaining(reason) as string;
    await expect(client.slots()).rejects.toMatchObject({ code: "internal", message });
  });

  it("names the origin and the reason when no process listens", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await once(server.close(), "close");
    const client = createWorkerClient({ baseUrl });
    const expected = {
      code: "unavailable",
      message: expect.stringMatching(`^Cannot reach ${baseUrl}: connection refused`) as string,
    };
    await expect(client.info()).rejects.toMatchObject(expected);
    await expect(collect(client.loading() as AsyncIterable<never>)).resolves.toMatchObject({ error: expected });
  });

  it.each(["before", "after"])("is thrown for a connection that breaks %s the headers", async (when) => {
    const client = await clientOf((_, response) => {
      if (when === "after") response.writeHead(200, { "content-length": "100" }).write("{");
      setImmediate(() => response.destroy());
    });
    await expect(client.info()).rejects.toMatchObject({ code: "unavailable", cause: expect.any(TypeError) as unknown });
  });

  it("is thrown when a response, a body or a stream's headers take too long; the request is aborted", async () => {
    const left: Promise<unknown>[] = [];
    const passTime = (): unknown => vi.advanceTimersByTime(10_000);
    const client = await clientOf(
      (request, response) => {
        left.push(once(response, "close"));
        if (request.url === "/v1/info") response.writeHead(200).write("{");
        else passTime();
      },
      {
        async fetch(...call) {
          const response = await fetch(...call);
          setImmediate(passTime);
          return response;
        },
      },
    );
    stopTime();
    const expected = { code: "unavailable", message: expect.stringMatching(/: no answer within 10000 ms$/) as string };
    await expect(client.slots()).rejects.toMatchObject(expected);
    await expect(client.info()).rejects.toMatchObject(expected);
    await expect(collect(client.streamJob("j1"))).resolves.toMatchObject({ error: expected });
    expect(left).toHaveLength(3);
    await Promise.all(left);
  });

  it("is the reason of the caller's signal when the signal aborts", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const client = await clientOf(() => controller.abort(reason));
    await expect(client.info({ signal: controller.signal })).rejects.toBe(reason);
  });

  it("is thrown for a redirect, which is never followed", async () => {
    const client = await clientOf((request, response) => {
      if (request.url === "/v1/slots") response.writeHead(307, { location: "/elsewhere" }).end();
      else sendJson(response, 200, { slots: [] });
    });
    await expect(client.slots()).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("routes without a stream", () => {
  const health = {
    live: true,
    ready: false,
    state: "loading",
    worker_id: "w",
    model: "m",
    backend: "fake",
    version: "0.1.0",
    uptime_ms: 5,
    slots: { total: 2, busy: 0 },
    queue: { depth: 0, capacity: 8 },
    engine: { starts: 1, deaths: 0 },
  };

  it("return health and readiness also with status 503", async () => {
    const readiness = { ready: false, state: "loading", reason: "The model is loading." };
    const client = await clientOf((request, response) =>
      sendJson(response, 503, request.url === "/health" ? health : readiness),
    );
    expect(await client.health()).toEqual(health);
    expect(await client.ready()).toEqual(readiness);
    await expect(client.info()).rejects.toMatchObject({ code: "unavailable" });
  });

  it("encode ids in paths, and unpack lists", async () => {
    const seen: string[] = [];
    const base = await serve((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      if (request.url === "/under/v1/slots") return sendJson(response, 200, { slots: [] });
      if (request.url === "/under/metrics") return response.end("waggle_up 1\n");
      if (request.url?.includes("sessions")) return sendJson(response, 200, { session_id: "s", cancelled: false });
      return sendJson(response, 200, { job_id: "j", state: "finished", tokens: 2 });
    });
    const under = createWorkerClient({ baseUrl: `${base}/under/` });
    expect(await under.slots()).toEqual([]);
    expect(await under.metrics()).toBe("waggle_up 1\n");
    expect((await under.cancelSession("a/b")).cancelled).toBe(false);
    expect((await under.job("j")).tokens).toBe(2);
    expect((await under.cancelJob("j")).state).toBe("finished");
    expect(seen).toEqual([
      "GET /under/v1/slots",
      "GET /under/metrics",
      "DELETE /under/v1/sessions/a%2Fb",
      "GET /under/v1/jobs/j",
      "DELETE /under/v1/jobs/j",
    ]);
  });

  it("use the given fetch", async () => {
    const client = createWorkerClient({ baseUrl: "http://worker", fetch: async () => Response.json({ slots: [] }) });
    expect(await client.slots()).toEqual([]);
  });

  it.each([
    ["ready", { type: "ready", model: "m" }],
    ["failed", { type: "failed", message: "no" }],
  ])("follow loading until it is %s, even if the connection breaks afterwards", async (_, last) => {
    const client = await clientOf((request, response) => {
      startSse(response, sse({ type: "loading", stage: "loading", progress: 0.5 }, last));
      setImmediate(() => response.destroy());
    });
    const events = [];
    for await (const event of client.loading()) events.push(event.type);
    expect(events).toEqual(["loading", last.type]);
  });

  it.each(["127.0.0.1:80", "ftp://localhost", "http://user:secret@localhost"])("refuse the base URL %s", (baseUrl) => {
    const shown = baseUrl.replace("http://user:secret", "…");
    expect(() => createWorkerClient({ baseUrl })).toThrow(`Cannot use the URL "${shown}": it must be http or https`);
  });
});
