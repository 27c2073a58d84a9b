// Tests an answer against a server in memory, with fake timers.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createWaggle, type Answer, type AskRequest, type Waggle, type WaggleOptions } from "./waggle.ts";
import { WaggleError, type AnswerEvent, type Message } from "./index.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
afterEach(() => void vi.useRealTimers());

interface Request {
  readonly id: string;
  readonly after: string | null;
  readonly body: unknown;
  readonly signal: AbortSignal | null | undefined;
}

type Reply = (request: Request) => Response | Promise<Response>;

const words = ["Once", " upon", " a", " time", "."];
const usage = { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8, cached_tokens: 0 };
const timings = { queue_ms: 1, prefill_ms: 1, decode_ms: 1, total_ms: 3, tokens_per_second: 9 };

const frame = (event: object): string => `data: ${JSON.stringify(event)}\n\n`;
const token = (id: string, index: number): string =>
  frame({ type: "token", stream_id: id, index, text: words[index], t_ms: 1 });
const endOf = (id: string, more: object = {}): string =>
  `${frame({ type: "end", stream_id: id, finish_reason: "stop", usage, timings, ...more })}data: [DONE]\n\n`;
const failOf = (id: string, code: string): string =>
  frame({ type: "error", stream_id: id, code, message: `It is ${code}.`, retryable: true });

/** The stream of a worker, after the index. */
function streamOf(id: string, after: string | null): string {
  const from = after === null ? 0 : Number(after) + 1;
  const started = frame({
    type: "started",
    stream_id: id,
    model: "m",
    prompt_tokens: 3,
    cached_tokens: 0,
    queue_ms: 1,
  });
  return started + words.map((_, index) => (index < from ? "" : token(id, index))).join("") + endOf(id);
}

const sse = (text: string): Response => new Response(text, { headers: { "content-type": "text/event-stream" } });
const whole: Reply = ({ id, after }) => sse(streamOf(id, after));
const accepted: Reply = () => Response.json({}, { status: 202 });
const refusal = (status: number, code: string, retryAfter?: string): Response =>
  Response.json(
    { error: { code, message: `It is ${code}.`, type: "t", retryable: true } },
    { status, headers: retryAfter === undefined ? {} : { "retry-after": retryAfter } },
  );

/** Replies in order, by method; the last one repeats. */
interface Script {
  readonly post?: readonly Reply[];
  readonly get?: readonly Reply[];
}

interface World {
  readonly answer: Answer;
  readonly asked: string[];
  readonly waggle: Waggle;
}

function ask(
  { post = [accepted], get = [whole] }: Script,
  request: AskRequest = { prompt: "a" },
  more: Partial<WaggleOptions> = {},
): World {
  const asked: string[] = [];
  const counts = { POST: 0, GET: 0 };
  const waggle = createWaggle({
    url: "http://worker/",
    ...more,
    async fetch(url, init) {
      const method = init?.method ?? "";
      const [, id = ""] = /jobs\/([^/]+)/.exec(url as string) ?? [];
      asked.push(method);
      init?.signal?.throwIfAborted();
      if (method === "DELETE") return Response.json({});
      const replies = method === "POST" ? post : get;
      const reply = replies[Math.min(counts[method as "GET"]++, replies.length - 1)] as Reply;
      const body: unknown = init?.body === undefined ? undefined : JSON.parse(init.body as string);
      return reply({ id, after: new Headers(init?.headers).get("last-event-id"), body, signal: init?.signal });
    },
  });
  return { answer: waggle.ask(request), asked, waggle };
}

/** Lets all timers pass until the answer has ended. */
async function outcomeOf({
  answer,
}: Pick<World, "answer">): Promise<{ parts: string[]; events: AnswerEvent[]; error?: WaggleError }> {
  const [parts, events]: [string[], AnswerEvent[]] = [[], []];
  const read = async (): Promise<void> => {
    for await (const part of answer.text) parts.push(part);
  };
  const watch = async (): Promise<void> => {
    for await (const event of answer.events) events.push(event);
  };
  let over = false;
  const settled = Promise.allSettled([read(), watch(), answer.result]).finally(() => (over = true));
  while (!over) await vi.advanceTimersByTimeAsync(1_000);
  const [text, , result] = await settled;
  expect(text.status).toBe(result.status);
  if (result.status === "fulfilled") expect(result.value.text).toBe(parts.join(""));
  return { parts, events, ...(result.status === "rejected" ? { error: result.reason as WaggleError } : {}) };
}

const text = words.join("");

describe("an answer", () => {
  it("has its text in parts, its events and its result, for each loop", async () => {
    const world = ask({}, { prompt: "a", session: "s", fields: { top_k: 3 } });
    const { parts, events } = await outcomeOf(world);
    expect(parts).toEqual(words);
    expect(events.map(({ type }) => type)).toEqual(["started", ...words.map(() => "token"), "end"]);
    expect(await world.answer.result).toMatchObject({ text, finishReason: "stop", usage });
    expect((await outcomeOf(world)).parts).toEqual(words);
  });

  it("has each state for a loop that reads meanwhile, and only the last one for later loops", async () => {
    const queued = (id: string, position: number): string => frame({ type: "queued", stream_id: id, position });
    const get: Reply = ({ id }) => sse([3, 2, 1].map((position) => queued(id, position)).join("") + streamOf(id, null));
    const world = ask({ get: [get] });
    const positions = async (): Promise<unknown[]> =>
      (await outcomeOf(world)).events.flatMap((event) => (event.type === "queued" ? [event.position] : []));
    expect(await positions()).toEqual([3, 2, 1]);
    expect(await positions()).toEqual([1]);
  });

  it("sends the request with an id of the client", async () => {
    let body: unknown;
    const post: Reply = (request) => {
      ({ body } = request);
      return accepted(request);
    };
    const world = ask({ post: [post] }, { prompt: "a", session: "s", temperature: 0, fields: { top_k: 3 } });
    await outcomeOf(world);
    expect(body).toEqual({ prompt: "a", temperature: 0, top_k: 3, session_id: "s", job_id: world.answer.jobId });
  });

  it("is whole, wherever its connection breaks", async () => {
    const size = streamOf("job-0123456789ab0123456789ab", null).length;
    for (let cut = 0; cut < size; cut += 7) {
      const cutOnce: Reply = ({ id, after }) => sse(streamOf(id, after).slice(0, cut));
      const { parts, error } = await outcomeOf(ask({ get: [cutOnce, whole] }));
      expect({ cut, text: parts.join(""), error }).toEqual({ cut, text, error: undefined });
    }
  });

  it("reports the loss of its connection, and ends with a typed error when no try succeeds", async () => {
    const world = ask(
      { get: [({ id }) => sse(token(id, 0)), () => refusal(503, "unavailable")] },
      { prompt: "a" },
      { maxTries: 3 },
    );
    const { parts, events, error } = await outcomeOf(world);
    expect(parts).toEqual(["Once"]);
    expect(events.filter(({ type }) => type === "retry")).toHaveLength(3);
    expect(error).toBeInstanceOf(WaggleError);
    expect(error).toMatchObject({ code: "unavailable", retryable: true, retryAfterMs: 5_000 });
    expect(world.asked).toEqual(["POST", "GET", "GET", "GET", "GET"]);
  });

  it("is whole although connections stay open without a word", async () => {
    /** As with fetch, an aborted signal ends the body too. */
    const silent = (first: string, { signal }: Request, init: ResponseInit): Response => {
      const start = (body: ReadableStreamDefaultController): void => {
        body.enqueue(new TextEncoder().encode(first));
        signal?.addEventListener("abort", () => body.error(signal.reason));
      };
      return new Response(new ReadableStream({ start }), init);
    };
    const events = { headers: { "content-type": "text/event-stream" } };
    const { parts, error } = await outcomeOf(
      ask({
        post: [(request) => silent("{", request, { status: 503 }), (request) => silent("{", request, { status: 202 })],
        get: [(request) => silent(token(request.id, 0), request, events), whole],
      }),
    );
    expect({ text: parts.join(""), error }).toEqual({ text, error: undefined });
  });

  it("is an error if the server has nothing more, although no end came", async () => {
    const { error } = await outcomeOf(ask({ get: [() => new Response(null, { status: 204 })] }));
    expect(error).toMatchObject({ code: "internal" });
  });

  it("is asked for again under another id, if the engine failed before the first token", async () => {
    const world = ask({ get: [({ id }) => sse(failOf(id, "engine_failed")), whole] });
    const before = world.answer.jobId;
    expect((await outcomeOf(world)).parts).toEqual(words);
    expect(world.answer.jobId).not.toBe(before);
  });

  it("is an error, if the engine failed after the first token, and after three jobs without a token", async () => {
    const late = await outcomeOf(ask({ get: [({ id }) => sse(token(id, 0) + failOf(id, "engine_failed"))] }));
    expect(late).toMatchObject({ parts: ["Once"], error: { code: "engine_failed", retryable: true } });
    const world = ask({ get: [({ id }) => sse(failOf(id, "engine_failed"))] });
    expect((await outcomeOf(world)).error).toMatchObject({ code: "engine_failed" });
    expect(world.asked.filter((method) => method === "POST")).toHaveLength(3);
  });

  it("is asked for again, if a restarted server does not know the job and no token came, else it is an error", async () => {
    const unknown: Reply = () => refusal(404, "not_found");
    expect((await outcomeOf(ask({ get: [unknown, whole] }))).parts).toEqual(words);
    const cut: Reply = ({ id }) => sse(token(id, 0));
    const { parts, error } = await outcomeOf(ask({ get: [cut, unknown] }));
    expect({ parts, error }).toMatchObject({ parts: ["Once"], error: { code: "unavailable", retryable: true } });
    expect(error?.message).toContain("has lost the job");
  });

  it("is asked for again under the same id, if its job may still run", async () => {
    const away: Reply = () => refusal(503, "unavailable");
    const world = ask({ get: [away, away, whole] }, { prompt: "a" }, { maxTries: 1 });
    const before = world.answer.jobId;
    expect((await outcomeOf(world)).parts).toEqual(words);
    expect(world.answer.jobId).toBe(before);
    expect(world.asked).toEqual(["POST", "GET", "GET", "POST", "GET"]);
  });

  it.each([
    ["its deadline has passed", "deadline_exceeded", {}],
    ["the program wants no second try", "engine_failed", { maxTries: 0 }],
  ])("is not asked for again, if %s", async (_, code, options) => {
    const world = ask({ get: [({ id }) => sse(failOf(id, code))] }, { prompt: "a" }, options);
    expect((await outcomeOf(world)).error).toMatchObject({ code });
    expect(world.asked).toEqual(["POST", "GET"]);
  });

  it("sends the same request again, although the program has changed it", async () => {
    const bodies: unknown[] = [];
    const messages: Message[] = [{ role: "user", content: "a" }];
    const post: Reply = ({ body }) => {
      messages.push({ role: "user", content: "later" });
      return bodies.push(body) === 1 ? refusal(503, "unavailable") : Response.json({});
    };
    await outcomeOf(ask({ post: [post] }, { messages }));
    expect(bodies[0]).toMatchObject({ messages: [{ content: "a" }] });
    expect(bodies[1]).toEqual(bodies[0]);
  });

  it("is an error, if JSON cannot carry the request", async () => {
    const world = ask({}, { prompt: "a", fields: { top_k: 1n } });
    expect((await outcomeOf(world)).error).toMatchObject({ code: "invalid_argument" });
    expect(world.asked).toEqual([]);
  });

  it.each([
    ["disconnect", "unavailable"],
    ["superseded", "cancelled"],
  ])("that the server cancelled by %s is an error %s", async (by, code) => {
    const ended: Reply = ({ id }) => sse(token(id, 0) + endOf(id, { finish_reason: "cancelled", cancelled_by: by }));
    const { error } = await outcomeOf(ask({ get: [ended] }));
    expect(error).toMatchObject({ code, details: { cancelled_by: by } });
  });

  it("with a reader that is too slow is an error", async () => {
    const { error } = await outcomeOf(ask({ get: [({ id }) => sse(failOf(id, "slow_consumer"))] }));
    expect(error).toMatchObject({ code: "slow_consumer" });
  });
});

describe("a busy server", () => {
  it("is asked again after its Retry-After", async () => {
    const world = ask({ post: [() => refusal(429, "resource_exhausted", "7"), accepted] });
    const { parts, events } = await outcomeOf(world);
    expect(parts).toEqual(words);
    const [retry] = events;
    expect(retry).toMatchObject({ type: "retry", reason: "It is resource_exhausted." });
  });

  it.each([
    ["it stays busy", "1", 3],
    ["it names a wait of a day", "80000", 1],
  ])("is one typed error, if %s", async (_, after, posts) => {
    const world = ask({ post: [() => refusal(429, "resource_exhausted", after)] }, { prompt: "a" }, { maxTries: 2 });
    const { error } = await outcomeOf(world);
    expect(error).toMatchObject({ code: "resource_exhausted", retryable: true, retryAfterMs: Number(after) * 1_000 });
    expect(world.asked).toHaveLength(posts);
  });

  it("is not asked again for an older answer of a session", async () => {
    const request = { prompt: "a", session: "s" };
    const older = ask({ post: [() => refusal(429, "resource_exhausted", "7"), accepted] }, request);
    const newer = { answer: older.waggle.ask(request) };
    const [{ error }, { parts }] = await Promise.all([outcomeOf(older), outcomeOf(newer)]);
    expect(error).toMatchObject({ code: "cancelled", details: { cancelled_by: "superseded" } });
    expect(parts).toEqual(words);
    expect(older.asked).toEqual(["POST", "POST", "GET"]);
  });

  it.each([502, 503, 504])("is asked again, if a proxy answers %s for it", async (status) => {
    const { parts } = await outcomeOf(ask({ post: [() => new Response("<html>", { status }), accepted] }));
    expect(parts).toEqual(words);
  });

  it("that refuses the request is not asked again", async () => {
    const world = ask({ post: [() => refusal(400, "invalid_argument")] });
    expect((await outcomeOf(world)).error).toMatchObject({ code: "invalid_argument", retryable: false });
    expect(world.asked).toEqual(["POST"]);
  });

  it("that cannot be reached is an error with the reason", async () => {
    const refused: Reply = () => {
      throw new TypeError("fetch failed", { cause: Object.assign(new Error("no"), { code: "ECONNREFUSED" }) });
    };
    const { error } = await outcomeOf(ask({ post: [refused] }, { prompt: "a" }, { maxTries: 1 }));
    expect(error).toMatchObject({ code: "unavailable", message: "Cannot reach http://worker: connection refused" });
  });
});

describe("a caller that leaves", () => {
  const silent: Reply = ({ id, signal }) =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(token(id, 0)));
          signal?.addEventListener("abort", () => controller.error(signal.reason));
        },
      }),
    );

  it.each(["a signal", "cancel()"])("by %s cancels the job at the server, and gets one error", async (how) => {
    const stop = new AbortController();
    const world = ask({ get: [silent] }, { prompt: "a", signal: stop.signal });
    const parts: string[] = [];
    const reason = new Error("enough");
    const read = async (): Promise<void> => {
      for await (const part of world.answer.text) {
        parts.push(part);
        if (how === "a signal") stop.abort(reason);
        else world.answer.cancel();
      }
    };
    await expect(read()).rejects.toMatchObject(how === "a signal" ? reason : { code: "cancelled" });
    expect({ parts, asked: world.asked }).toEqual({ parts: ["Once"], asked: ["POST", "GET", "DELETE"] });
    await expect(world.answer.result).rejects.toBeDefined();
  });

  it("cancels a job that the server accepts after the answer has ended", async () => {
    vi.spyOn(AbortSignal, "timeout").mockImplementationOnce((ms) => {
      const late = new AbortController();
      setTimeout(() => late.abort(), ms);
      return late.signal;
    });
    const late: Reply = async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      return accepted(request);
    };
    const world = ask({ post: [late] });
    world.answer.cancel();
    expect((await outcomeOf(world)).error).toMatchObject({ code: "cancelled" });
    expect(world.asked).toEqual(["POST"]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(world.asked).toEqual(["POST", "DELETE"]);
  });

  it("before the request sends nothing", async () => {
    const world = ask({}, { prompt: "a", signal: AbortSignal.abort(new Error("never")) });
    await expect(world.answer.result).rejects.toThrow("never");
    expect(world.asked).toEqual([]);
  });
});

it("an unusable URL is refused at once", () => {
  expect(() => createWaggle({ url: "worker:7711" })).toThrow("Cannot use the URL");
  expect(() => createWaggle({ url: "http://a:b@worker" })).toThrow("Cannot use the URL");
});

it("a token that no header can carry is refused at once, and not shown", () => {
  const use = (): unknown => createWaggle({ url: "http://worker", token: "secret\n" });
  expect(use).toThrow("Cannot use the token");
  expect(use).not.toThrow("secret");
});
