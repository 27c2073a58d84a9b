// Shows that a retried request joins the job of the first try: one prefill, and a whole answer for the client that still listens.
import { createStepGate } from "@waggle/engine/testing";
import type { StepGate } from "@waggle/engine/testing";
import type { Job } from "@waggle/jobs";
import { createFakeClock } from "@waggle/testing";
import type { FakeClock } from "@waggle/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { testLimits } from "../../testing/inline-worker.ts";
import { alice, bob, forTwoClients } from "../../testing/two-clients.ts";
import type { InlineWorkerOptions } from "../../testing/inline-worker.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const graceMs = 10_000;

let gate: StepGate;
let clock: FakeClock;
const { worker, start, call, get } = useInlineWorker();
beforeEach(() => serve());

function serve(options: InlineWorkerOptions = {}): void {
  gate = createStepGate();
  clock = createFakeClock();
  start({
    gate,
    clock,
    ...options,
    limits: { ...testLimits, retryGraceMs: graceMs, ...options.limits },
  });
}

const chat = { messages: [{ role: "user", content: "[eog:5] a tale" }], stream: true, seed: 1 };

interface Request {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly path?: string;
  readonly signal?: AbortSignal;
}

async function post({ headers, body = chat, path = "/v1/chat/completions", signal }: Request): Promise<Response> {
  return await call("POST", path, body, headers, signal);
}

/** The text of the answer; undefined unless the answer is complete. */
async function textOf(response: Response): Promise<string | undefined> {
  const text = await response.text();
  if (!text.endsWith("data: [DONE]\n\n")) return undefined;
  const chunks = [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, json = ""]) => JSON.parse(json) as Chunk);
  return chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
}

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string | null } }[];
}

const prefills = (): number => worker.commands.filter(({ type }) => type === "start").length;
const joined = (response: Response): boolean => response.headers.get("idempotent-replayed") === "true";

describe("a retry", () => {
  const marks: [how: string, first: Record<string, string>, second: Record<string, string>][] = [
    ["by its key", { "idempotency-key": "k1" }, { "idempotency-key": "k1" }],
    ["by its count of tries", { "x-stainless-retry-count": "0" }, { "x-stainless-retry-count": "1" }],
  ];

  test.each(marks)("%s joins the first try, whose connection is open", async (_, first, second) => {
    const one = await post({ headers: first });
    await gate.held();
    const two = await post({ headers: second });
    gate.open();
    const [said, again] = await Promise.all([textOf(one), textOf(two)]);
    expect(said).not.toBe("");
    expect(again).toBe(said);
    expect([joined(one), joined(two), prefills()]).toEqual([false, true, 1]);
    expect(await (await get("/metrics")).text()).toMatch(/^\w+jobs_joined_total 1$/m);
  });

  test.each(marks)("%s joins the first try, whose client has left", async (_, first, second) => {
    const leaving = new AbortController();
    const one = await post({ headers: first, signal: leaving.signal });
    await gate.held();
    leaving.abort();
    await one.body?.cancel();
    clock.advance(graceMs - 1);
    const two = await post({ headers: second });
    clock.advance(graceMs);
    gate.open();
    expect(await textOf(two)).toMatch(/./);
    expect([joined(two), prefills()]).toEqual([true, 1]);
  });

  test("joins a first try that is still being accepted", async () => {
    const headers = { "idempotency-key": "k1" };
    const both = [post({ headers }), post({ headers })];
    gate.open();
    const [one, two] = await Promise.all((await Promise.all(both)).map(textOf));
    expect(one).toMatch(/./);
    expect(two).toBe(one);
    expect(prefills()).toBe(1);
  });

  test("gets the answer of an ended first try, as long as the job is kept", async () => {
    const headers = { "idempotency-key": "k1" };
    gate.open();
    const said = await textOf(await post({ headers }));
    const again = await post({ headers });
    expect(joined(again)).toBe(true);
    expect(await textOf(again)).toBe(said);
    clock.advance(60_000);
    const later = await post({ headers });
    expect(await textOf(later)).toBe(said);
    expect([joined(later), prefills()]).toEqual([false, 2]);
  });

  test("gets a collected answer if it requests one", async () => {
    const headers = { "x-stainless-retry-count": "1" };
    const body = { ...chat, stream: false };
    const both = [post({ headers, body }), post({ headers, body })];
    gate.open();
    const [one, two] = (await Promise.all((await Promise.all(both)).map((answer) => answer.json()))) as object[];
    expect(one).toMatchObject({ choices: [{ finish_reason: "stop" }] });
    expect(two).toEqual({ ...one, id: expect.any(String), created: expect.any(Number) });
    expect(prefills()).toBe(1);
  });

  test("runs again when the first try has failed", async () => {
    const headers = { "idempotency-key": "k1" };
    const body = { ...chat, messages: [{ role: "user", content: "[fail:1] a tale" }] };
    gate.open();
    for (const _ of [1, 2]) await expect(textOf(await post({ headers, body }))).rejects.toThrow(/ended with an error/);
    expect(prefills()).toBe(2);
  });

  describe("runs again when the first try's job", () => {
    const request: Request = {
      headers: { "idempotency-key": "k1" },
      path: "/v1/jobs",
      body: { prompt: "[eog:9] a tale" },
    };

    async function begin(): Promise<Job> {
      const { job_id: id } = (await (await post(request)).json()) as { job_id: string };
      const job = worker.registry.get("local", id);
      if (job === undefined) throw new Error("No job");
      return job;
    }

    test("has lost the beginning of its answer", async () => {
      serve({ limits: { replayBufferBytes: 300 } });
      const job = await begin();
      gate.open();
      await job.ended.promise;
      expect(job.log.firstToken).toBeGreaterThan(0);
      expect([joined(await post(request)), prefills()]).toEqual([false, 2]);
    });

    test("is being ended", async () => {
      const job = await begin();
      await gate.held();
      worker.dispatcher.cancel(job, "client");
      expect(job.state.phase.name).toBe("ending");
      expect([joined(await post(request)), prefills()]).toEqual([false, 2]);
    });
  });

  test("of several prompts gets the answer of each", async () => {
    gate.open();
    const body = { prompt: ["[eog:2] a", "[eog:4] b"], seed: 1 };
    const send = async () =>
      await (await post({ headers: { "idempotency-key": "k1" }, path: "/v1/completions", body })).json();
    const first = (await send()) as { choices: { text: string }[] };
    expect(new Set(first.choices.map(({ text }) => text)).size).toBe(2);
    expect(await send()).toMatchObject({ choices: first.choices });
  });

  test("is refused with a key that was used with a different request", async () => {
    const headers = { "idempotency-key": "k1" };
    await post({ headers });
    const other = await post({ headers, body: { ...chat, seed: 2 } });
    expect(other.status).toBe(409);
    expect(await other.json()).toMatchObject({
      error: { code: "conflict", message: expect.stringMatching(/Idempotency-Key/) },
    });
  });

  test("with the same key may be a different request if the first try was refused", async () => {
    serve({ slots: 1, queueCapacity: 1 });
    const headers = { "idempotency-key": "k1" };
    const before = [await post({}), await post({})];
    expect((await post({ headers })).status).toBe(429);
    gate.open();
    for (const response of before) await textOf(response);
    const other = await post({ headers, body: { ...chat, seed: 2 } });
    expect([other.status, joined(other)]).toEqual([200, false]);
  });

  test.each(["", "ü", "x".repeat(256)])("is refused with the key %j", async (key) => {
    const response = await post({ headers: { "idempotency-key": key } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: "Idempotency-Key" } });
  });
});

const counted = { "x-stainless-retry-count": "0" };
test.each<[client: string, waits: boolean, request: Request]>([
  ["sent an Idempotency-Key", true, { headers: { "idempotency-key": "k1" } }],
  ["announced retries and waits for the whole answer", true, { headers: counted, body: { ...chat, stream: false } }],
  ["announced retries and reads a stream", false, { headers: counted }],
])("a job whose client %s waits for a retry if it leaves after output: %s", async (_, waits, request) => {
  const isCancelling = (): boolean => worker.commands.some(({ type }) => type === "cancel");
  const leaving = new AbortController();
  const response = post({ ...request, signal: leaving.signal });
  for (const _step of [1, 2]) {
    await gate.held();
    gate.step();
  }
  await gate.held();
  leaving.abort();
  await (await response).body?.cancel();
  expect(isCancelling()).toBe(!waits);
  clock.advance(graceMs);
  expect(isCancelling()).toBe(true);
});

describe("two requests are two jobs", () => {
  const counted = (tries: string): Request => ({ headers: { "x-stainless-retry-count": tries } });
  test.each<[why: string, first: Request, second: Request]>([
    ["if no header marks a retry", {}, {}],
    ["if both are first tries", counted("0"), counted("0")],
    ["if their bodies differ", counted("0"), { ...counted("1"), body: { ...chat, seed: 2 } }],
    ["if their keys differ", { headers: { "idempotency-key": "1" } }, { headers: { "idempotency-key": "2" } }],
    [
      "if their routes differ",
      { headers: { "idempotency-key": "1" } },
      { headers: { "idempotency-key": "1" }, path: "/chat/completions" },
    ],
  ])("%s", async (_, first, second) => {
    await post(first);
    const response = await post(second);
    expect([response.status, joined(response), prefills()]).toEqual([200, false, 2]);
  });

  test("if two clients send them", async () => {
    serve({ access: forTwoClients });
    // Neither job has an id when the other request arrives.
    const both = await Promise.all([alice, bob].map((who) => post({ headers: { ...who, "idempotency-key": "k1" } })));
    expect(both.map((response) => [response.status, joined(response)])).toEqual([
      [200, false],
      [200, false],
    ]);
    expect(prefills()).toBe(2);
  });

  test("if the grace period of retries is 0", async () => {
    serve({ limits: { ...testLimits, retryGraceMs: 0 } });
    const headers = { "idempotency-key": "k1" };
    await post({ headers });
    expect(joined(await post({ headers }))).toBe(false);
    expect(prefills()).toBe(2);
  });
});

describe("a job_id in use", () => {
  const body = { prompt: "[eog:5] a tale", job_id: "mine", seed: 1 };

  test("gives the existing job to the same request", async () => {
    const first = await post({ path: "/v1/jobs", body });
    const again = await post({ path: "/v1/jobs", body });
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(await again.json()).toMatchObject({ job_id: "mine" });
    const stream = await post({ path: "/v1/inference", body });
    gate.open();
    expect(await stream.text()).toMatch(/event: end\n/);
    expect([joined(again), joined(stream), prefills()]).toEqual([true, true, 1]);
  });
});
