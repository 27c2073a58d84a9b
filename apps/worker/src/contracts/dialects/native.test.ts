import { createStepGate } from "@waggle/engine/testing";
import { ErrorBodySchema, JobAcceptedSchema, JobStatusSchema, allWorkerRoutes, routePath } from "@waggle/protocol";
import type { StreamEvent } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import type { FakeClock } from "@waggle/testing";
import { describe, expect, it } from "vitest";
import { isStarted, readEvents, textInEvents } from "../../testing/events.ts";
import { alice, bob, forTwoClients } from "../../testing/two-clients.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start, call, post, get, lastWork } = useInlineWorker();

async function errorOf(response: Response) {
  return { status: response.status, ...ErrorBodySchema.parse(await response.json()).error };
}

describe("POST /v1/jobs and its stream", () => {
  it("answers at once with the address of the stream", async () => {
    start();
    const accepted = await post("/v1/jobs", { prompt: "hello [eog:3]" });
    expect(accepted.status).toBe(202);
    const job = JobAcceptedSchema.parse(await accepted.json());
    expect(accepted.headers.get("location")).toBe(`/v1/jobs/${job.job_id}`);
    const stream = await get(job.sse_url);
    expect(stream.headers.get("content-type")).toBe("text/event-stream");
    expect(stream.headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(stream.headers.get("x-accel-buffering")).toBe("no");
    const { events, done, failed } = await readEvents(stream).rest();
    expect(events.at(-1)).toMatchObject({ type: "end", finish_reason: "stop" });
    expect({ done, failed }).toEqual({ done: true, failed: false });
    const status = JobStatusSchema.parse(await (await get(`/v1/jobs/${job.job_id}`)).json());
    expect(status).toMatchObject({ state: "finished", finish_reason: "stop", tokens: 3 });
  });

  it("answers while the model loads and while all slots are busy", async () => {
    const gate = createStepGate();
    start({ loadLater: true, slots: 1, gate });
    const first = JobAcceptedSchema.parse(await (await post("/v1/jobs", { prompt: "a" })).json());
    expect(first).toMatchObject({ state: "queued", position: 1 });
    worker.load();
    const second = JobAcceptedSchema.parse(await (await post("/v1/jobs", { prompt: "b" })).json());
    expect(second).toMatchObject({ state: "queued", position: 1 });
  });

  it("resumes after Last-Event-ID or ?after=, and answers 204 when the end was read", async () => {
    start();
    await post("/v1/jobs", { prompt: "hello [eog:9]", job_id: "j" });
    const whole = await (await get("/v1/jobs/j/stream")).text();
    const tail = await (await get("/v1/jobs/j/stream", { "last-event-id": "4" })).text();
    const same = await (await get("/v1/jobs/j/stream?after=4")).text();
    const newer = await (await get("/v1/jobs/j/stream?after=1", { "last-event-id": "4" })).text();
    const fifth = whole.indexOf("id: 5\n");
    expect(fifth).toBeGreaterThan(0);
    expect(tail.slice(tail.indexOf("id: 5\n"))).toBe(whole.slice(fifth));
    expect(same).toBe(tail);
    expect(newer).toBe(tail);
    expect(tail).not.toContain("id: 4\n");
    expect((await get("/v1/jobs/j/stream", { "last-event-id": "9" })).status).toBe(204);
    expect(await errorOf(await get("/v1/jobs/j/stream?after=x"))).toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining('"after"') as string,
    });
  });

  it("streams NDJSON on request, with the same objects", async () => {
    start();
    await post("/v1/jobs", { prompt: "hello [eog:4]", job_id: "j" });
    const sse = await readEvents(await get("/v1/jobs/j/stream")).rest();
    const response = await get("/v1/jobs/j/stream", { accept: "application/x-ndjson" });
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    const lines = (await response.text()).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(sse.events);
  });

  it("destroys the connection after an error event", async () => {
    const gate = createStepGate();
    start({ slots: 1, gate });
    const stream = readEvents(await post("/v1/inference", { prompt: "a", on_engine_loss: "error" }));
    await stream.until(isStarted);
    gate.step();
    await stream.until((event) => event.type === "token");
    worker.kill();
    const { events, done, failed } = await stream.rest();
    expect(events.at(-1)).toMatchObject({ type: "error", code: "engine_failed", retryable: true });
    expect({ done, failed }).toEqual({ done: false, failed: true });
    expect(worker.app.streams.open).toBe(0);
  });

  describe("when the reader of an inference with a job_id leaves", () => {
    async function leave(clock: FakeClock): Promise<StreamEvent[]> {
      const gate = createStepGate();
      start({ slots: 1, gate, clock });
      const stream = readEvents(await post("/v1/inference", { prompt: "a [eog:6]", temperature: 0, job_id: "j" }));
      gate.step(3);
      const seen = await stream.until((event) => event.type === "token" && event.index === 1);
      await stream.cancel();
      gate.open();
      return seen;
    }

    it("the reader can resume within the grace, and gets each token once", async () => {
      const clock = createFakeClock();
      const seen = await leave(clock);
      clock.advance(4_999);
      const rest = await readEvents(await get("/v1/jobs/j/stream", { "last-event-id": "1" })).rest();
      expect(rest).toMatchObject({ done: true, failed: false });
      expect(rest.events.at(-1)).toMatchObject({ type: "end", finish_reason: "stop" });
      const indexes = [...seen, ...rest.events].flatMap((event) => (event.type === "token" ? [event.index] : []));
      expect(indexes).toEqual([0, 1, 2, 3, 4, 5]);
    });
  });

  it("gives each of many streams its own text", async () => {
    start({ slots: 4, queueCapacity: 64 });
    const texts = await Promise.all(
      Array.from({ length: 24 }, async (_, index) => {
        const response = await post("/v1/inference", { prompt: `story ${index} [eog:${index + 1}]`, temperature: 0 });
        return textInEvents((await readEvents(response).rest()).events);
      }),
    );
    const alone = await post("/v1/inference", { prompt: "story 17 [eog:18]", temperature: 0 });
    expect(textInEvents((await readEvents(alone).rest()).events)).toBe(texts[17]);
    expect(new Set(texts).size).toBe(24);
  });

  it("gives the engine the limit of repetitions", async () => {
    start();
    await (await post("/v1/inference", { prompt: "hello [eog:2]", repetition_limit: 3 })).text();
    expect(lastWork().repetitionLimit).toBe(3);
  });
});

describe("cancel routes", () => {
  it("DELETE a job: cancelled, idempotent, 404 when unknown", async () => {
    const gate = createStepGate();
    start({ slots: 1, gate });
    await post("/v1/jobs", { prompt: "a", job_id: "j" });
    const reading = readEvents(await get("/v1/jobs/j/stream")).rest();
    await gate.held();
    const deletion = call("DELETE", "/v1/jobs/j");
    gate.open();
    const first = JobStatusSchema.parse(await (await deletion).json());
    expect(first).toMatchObject({ state: "cancelled", cancelled_by: "client", finish_reason: "cancelled" });
    const { events, ...outcome } = await reading;
    expect(outcome).toEqual({ done: true, failed: false });
    expect(events.at(-1)).toMatchObject({ type: "end", finish_reason: "cancelled" });
    expect(worker.app.streams.open).toBe(0);
    const again = await call("DELETE", "/v1/jobs/j");
    expect([again.status, JobStatusSchema.parse(await again.json()).state]).toEqual([200, "cancelled"]);
    expect(await errorOf(await call("DELETE", "/v1/jobs/nobody"))).toMatchObject({ status: 404, code: "not_found" });
  });

  it("DELETE a session: its running job, or nothing", async () => {
    const gate = createStepGate();
    start({ slots: 1, gate });
    await post("/v1/jobs", { prompt: "a", job_id: "j", session_id: "s" });
    await gate.held();
    const deletion = call("DELETE", "/v1/sessions/s");
    gate.open();
    expect(await (await deletion).json()).toEqual({ session_id: "s", cancelled: true, job_id: "j" });
    expect(await (await call("DELETE", "/v1/sessions/s")).json()).toEqual({ session_id: "s", cancelled: false });
  });
});

describe("invalid requests", () => {
  const cases: [what: string, body: unknown, words: string][] = [
    ["bad JSON", "{nope", "not JSON"],
    ["an empty body", "", "empty"],
    ["an unknown field", { prompt: "a", promt: 1 }, '"promt"'],
    ["a job_id that no URL can name", { prompt: "a", job_id: ".." }, "dots"],
    ["a session_id of one dot", { prompt: "a", session_id: "." }, "dots"],
    ["an empty prompt", { prompt: "" }, '"prompt"'],
    ["prompt and messages", { prompt: "a", messages: [] }, "messages"],
    ["neither prompt nor messages", {}, "exactly one of prompt and messages"],
    ["max_tokens 0", { prompt: "a", max_tokens: 0 }, '"max_tokens"'],
    ["temperature 9", { prompt: "a", temperature: 9 }, '"temperature"'],
    ["five stop strings", { prompt: "a", stop: [..."abcde"] }, '"stop"'],
    ["a long prompt", { prompt: "x".repeat(200) }, "201"],
    ["a broken grammar", { prompt: "a", grammar: "nope" }, '"grammar"'],
    [
      "a schema keyword that no grammar can express",
      { prompt: "a", json_schema: { type: "array", uniqueItems: true } },
      "uniqueItems",
    ],
    ["a grammar and a schema", { prompt: "a", grammar: "root ::= x", json_schema: {} }, '"json_schema"'],
  ];
  it.each(cases)("%s gets an error with status 400 and the reason", async (_, body, words) => {
    start({ contextSize: 128 });
    const error = await errorOf(await post("/v1/jobs", body));
    expect(error).toMatchObject({ status: 400, code: "invalid_argument", message: expect.stringContaining(words) });
  });

  it.each<[what: string, send: () => Promise<Response>, status: number, code: string, words: string]>([
    ["a large body", () => post("/v1/jobs", { prompt: "x".repeat(5_000) }), 413, "payload_too_large", "4096"],
    ["an unknown job", () => get("/v1/jobs/nobody"), 404, "not_found", "nobody"],
    ["an unknown route", () => get("/v1/nothing"), 404, "not_found", "/v1/nothing"],
    ["a wrong method", () => call("PUT", "/v1/jobs"), 405, "method_not_allowed", "PUT /v1/jobs"],
    ["a foreign Host", () => get("/v1/info", { host: "evil.example" }), 403, "forbidden", "evil.example"],
    ["a foreign Origin", () => get("/v1/info", { origin: "https://evil.example" }), 403, "forbidden", "evil"],
  ])("%s gets its typed error", async (_, send, status, code, words) => {
    start({ maxBodyBytes: 4_096 });
    const error = await errorOf(await send());
    expect(error).toMatchObject({ status, code, message: expect.stringContaining(words) });
  });

  it("a full queue answers 429 with Retry-After, and the refused job leaves no trace", async () => {
    const gate = createStepGate();
    start({ slots: 1, queueCapacity: 1, gate });
    await post("/v1/jobs", { prompt: "runs" });
    await post("/v1/jobs", { prompt: "waits" });
    const response = await post("/v1/jobs", { prompt: "refused", job_id: "refused" });
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(await errorOf(response)).toMatchObject({ status: 429, code: "resource_exhausted", retryable: true });
    expect((await get("/v1/jobs/refused")).status).toBe(404);
    expect(worker.registry.liveCount).toBe(2);
  });

  it("a job_id in use is a conflict that must not be retried", async () => {
    start();
    await post("/v1/jobs", { prompt: "a [eog:1]", job_id: "j" });
    const response = await post("/v1/jobs", { prompt: "b [eog:1]", job_id: "j" });
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(await errorOf(response)).toMatchObject({ status: 409, code: "conflict" });
  });

  it("simultaneous streams beyond the limit get no job", async () => {
    const gate = createStepGate();
    start({ slots: 2, gate, maxStreamsPerClient: 1 });
    const responses = await Promise.all([1, 2, 3].map(() => post("/v1/inference", { prompt: "a" })));
    expect(responses.map(({ status }) => status).sort((one, other) => one - other)).toEqual([200, 429, 429]);
    expect(worker.registry.liveCount).toBe(1);
    expect(worker.app.streams.open).toBe(1);
  });

  it("a refused stream does not end the running stream of its session, and does not count towards the limit", async () => {
    const gate = createStepGate();
    start({ slots: 2, gate, maxStreamsPerClient: 2 });
    const first = await post("/v1/inference", { prompt: "a", job_id: "a", session_id: "s" });
    const again = { prompt: "b", job_id: "a", session_id: "s" };
    expect((await post("/v1/inference", again)).status).toBe(409);
    expect((await post("/v1/inference", { prompt: "b", job_id: "b" })).status).toBe(200);
    expect((await post("/v1/inference", { ...again, job_id: "c" })).status).toBe(429);
    expect(worker.registry.get("local", "a")?.state.phase.name).toBe("running");
    await first.body?.cancel();
  });
});

describe("network mode", () => {
  it("answers 401 to a missing or wrong token, and never logs the wrong token", async () => {
    start({ access: forTwoClients });
    expect(await errorOf(await get("/v1/info"))).toMatchObject({ status: 401, code: "unauthenticated" });
    const wrong = await get("/v1/info", { authorization: "Bearer wrong-token-9" });
    expect(wrong.headers.get("www-authenticate")).toBe("Bearer");
    expect(wrong.status).toBe(401);
    expect((await get("/v1/info", alice)).status).toBe(200);
    expect(JSON.stringify(worker.logLines)).not.toContain("wrong-token-9");
  });

  it("logs a wrong token once a second, and how many lines it left out, so that strangers evict no lines", async () => {
    const clock = createFakeClock();
    start({ access: forTwoClients, clock });
    for (const wait of [0, 0, 0, 1_000, 0]) {
      clock.advance(wait);
      await get("/v1/info", { authorization: "Bearer wrong-token-9" });
    }
    const lines = worker.logLines.filter(({ msg }) => msg === "wrong_token");
    expect(lines.map(({ left_out }) => left_out)).toEqual([undefined, 2]);
  });

  it("logs an unexpected failure as a line of the client, whose lines it may evict", async () => {
    const read = async (): Promise<never> => await Promise.reject(new Error("The disk is gone"));
    const flush = async (): Promise<void> => {};
    start({ access: forTwoClients, day: { add: () => {}, read, flush, flushNow: () => {} } });
    expect((await get("/v1/jobs?ended=true&job=j", alice)).status).toBe(500);
    expect(worker.logLines.find(({ msg }) => msg === "request_failed")).toMatchObject({ client: "alice" });
  });

  it("checks the token before everything else", async () => {
    start({ access: forTwoClients });
    expect((await post("/v1/jobs", "{nope")).status).toBe(401);
    expect((await get("/no/such/route")).status).toBe(401);
    expect((await get("/metrics")).status).toBe(401);
  });

  it.each([
    ["localhost:8080", 200],
    ["127.0.0.1:8080", 200],
    ["127.0.0.2:8080", 200],
    ["[::1]:8080", 200],
    ["127.0.0.1.evil.example:8080", 403],
    ["127.evil.example", 403],
    ["10.0.0.1:8080", 403],
  ])("in local mode accepts only loopback names and addresses: %s gets %i", async (host, status) => {
    start();
    expect((await get("/v1/info", { host })).status).toBe(status);
  });

  it("serves its pages without a token, for its host names only, and no other files", async () => {
    start({ access: { ...forTwoClients, allowedHosts: ["chat.example"] } });
    for (const path of ["/", "/status"]) {
      const page = await get(path, { host: "chat.example" });
      expect(page.headers.get("content-type")).toContain("text/html");
      expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
      expect((await get(path, { host: "evil.example" })).status).toBe(403);
    }
    expect((await call("POST", "/", undefined, { host: "chat.example" })).status).toBe(401);
    expect((await get("/assets/none.js", { host: "chat.example" })).status).toBe(404);
    expect((await get("/metrics", { host: "chat.example" })).status).toBe(401);
  });

  it("answers health probes without a token", async () => {
    start({ access: forTwoClients });
    for (const path of ["/livez", "/readyz", "/health"]) {
      expect((await get(path, { host: "anything.example" })).status).toBe(200);
    }
  });

  it("hides one client's jobs, sessions and slots from another", async () => {
    const gate = createStepGate();
    start({ access: forTwoClients, slots: 1, gate });
    await post("/v1/jobs", { prompt: "a", job_id: "j", session_id: "s" }, alice);
    await gate.held();
    expect((await get("/v1/jobs/j", bob)).status).toBe(404);
    expect((await call("DELETE", "/v1/jobs/j", undefined, bob)).status).toBe(404);
    expect(await (await call("DELETE", "/v1/sessions/s", undefined, bob)).json()).toMatchObject({ cancelled: false });
    gate.step();
    await gate.held();
    expect(await (await get("/v1/slots", bob)).json()).not.toHaveProperty("slots.0.job_id");
    expect(await (await get("/v1/slots", alice)).json()).toHaveProperty("slots.0.job_id", "j");
  });

  it("checks the Host when names are configured, and accepts an allowed Origin", async () => {
    const advertiseUrl = "https://waggle.example";
    const allowedOrigins = ["https://chat.example"];
    start({ access: { ...forTwoClients, allowedHosts: ["waggle.example"], allowedOrigins, advertiseUrl } });
    const refused = await get("/v1/info", { ...alice, host: "other.example" });
    expect(await refused.json()).toMatchObject({
      error: {
        code: "forbidden",
        details: { url: advertiseUrl },
        message: expect.stringContaining("answers to waggle.example only") as string,
      },
    });
    // The operator's commands, and a Prometheus of the same machine, use a loopback name.
    for (const host of ["localhost", "127.0.0.1:7711", "[::1]:7711"]) {
      for (const path of ["/v1/info", "/metrics"]) expect((await get(path, { ...alice, host })).status).toBe(200);
      expect((await get("/v1/info", { host })).status).toBe(401);
    }
    const here = { ...alice, host: "waggle.example:443" };
    expect((await get("/v1/info", here)).status).toBe(200);
    const allowed = await get("/v1/info", { ...here, origin: "https://chat.example" });
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://chat.example");
    // A preflight request of OpenAI's client, with its additional headers.
    const wanted = "authorization,content-type,x-stainless-lang,x-stainless-retry-count";
    const asks = { host: "waggle.example", origin: "https://chat.example", "access-control-request-headers": wanted };
    const preflight = await call("OPTIONS", "/v1/jobs", undefined, asks);
    expect(preflight.status).toBe(200);
    expect(preflight.headers.get("access-control-allow-headers")).toBe(wanted);
    expect((await get("/v1/info", { ...here, origin: "https://waggle.example:443" })).status).toBe(200);
  });

  it.each([
    ["an image of another site", "/v1/info", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }, 403],
    [
      "a link of another site to a route",
      "/v1/info",
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
      403,
    ],
    ["a link of another site to a page", "/", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }, 200],
    ["a probe of another site", "/livez", { "sec-fetch-site": "cross-site" }, 200],
    ["an application's page", "/v1/info", { "sec-fetch-site": "cross-site", origin: "tauri://localhost" }, 200],
    ["another port of this machine", "/v1/info", { "sec-fetch-site": "same-site", host: "localhost:7711" }, 200],
    ["a neighbour of an allowed name", "/v1/info", { "sec-fetch-site": "same-site", host: "waggle.example" }, 403],
    ["its own page", "/v1/info", { "sec-fetch-site": "same-origin" }, 200],
    ["the address bar", "/v1/info", { "sec-fetch-site": "none", "sec-fetch-mode": "navigate" }, 200],
  ])("in local mode, %s asking for %s with %j gets %d", async (_, path, headers, status) => {
    start({ access: { allowedHosts: ["waggle.example"] } });
    expect((await get(path, headers)).status).toBe(status);
    expect((await get(path, { ...headers, "sec-fetch-site": "none" })).status).toBe(200);
  });

  it.each([
    ["http://evil.example/v1/info", 403],
    ["http://localhost/v1/info", 200],
    ["HTTP://LocalHost:80/v1/info", 200],
    ["http://localhost:1/v1/info", 403],
    ["/v1/info", 200],
  ])("a request for %s gets %d", async (url, status) => {
    start();
    const request = new Request("http://localhost/v1/info", { headers: { host: "localhost" } });
    expect((await worker.app.fetch(request, { incoming: { url } })).status).toBe(status);
  });

  it("accepts pages of this machine only in local mode", async () => {
    start();
    const page = { origin: "http://localhost:3000" };
    const allowed = await post("/v1/chat/completions", { messages: [{ role: "user", content: "Hi [eog:1]" }] }, page);
    expect(allowed.status).toBe(200);
    expect(allowed.headers.get("access-control-allow-origin")).toBe(page.origin);
    expect(allowed.headers.get("access-control-expose-headers")).toContain("x-should-retry");
    const preflight = await call("OPTIONS", "/v1/chat/completions", undefined, {
      ...page,
      "access-control-request-method": "POST",
    });
    expect(preflight.status).toBe(200);
    // A page must be able to read errors too.
    const refused = await post("/v1/chat/completions", {}, page);
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([400, page.origin]);
    expect((await get("/v1/info", { origin: "null" })).status).toBe(403);
    start({ access: forTwoClients });
    expect((await get("/v1/info", { ...alice, ...page })).status).toBe(403);
  });
});

describe("the worker's own state", () => {
  it("shows every route in the reference, with and without a token", async () => {
    start({ access: forTwoClients });
    const document = await (await get("/openapi.json")).text();
    for (const { path } of Object.values(allWorkerRoutes)) {
      expect(document).toContain(`"${path.replaceAll(/:(\w+)/g, "{$1}")}"`);
    }
    expect((await get("/v1/info")).status).toBe(401);
  });

  it.each(Object.values(allWorkerRoutes))("answers a wrong method at $path with 405 and Allow", async (route) => {
    start();
    const response = await call("PATCH", routePath(route, { id: "a" }));
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toContain(route.method.toUpperCase());
  });

  it("streams the progress of loading, then ready, and ends", async () => {
    start({ loadLater: true });
    worker.host.loading.set({ type: "loading", stage: "loading", progress: 0.5 });
    const response = await get("/v1/loading/progress", { accept: "application/x-ndjson" });
    const reader = response.body?.getReader();
    const decoder = new TextDecoder();
    const read = async () => decoder.decode((await reader?.read())?.value);
    expect(JSON.parse(await read())).toEqual({ type: "loading", stage: "loading", progress: 0.5 });
    worker.load();
    expect(JSON.parse(await read())).toEqual({ type: "ready", model: "waggle-fake" });
    expect((await reader?.read())?.done).toBe(true);
  });

  it("is live but not ready while the model loads, with the reason", async () => {
    start({ loadLater: true });
    expect((await get("/livez")).status).toBe(200);
    const ready = await get("/readyz");
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ ready: false, state: "loading" });
  });

  it("echoes the request id on every kind of answer, or makes a request id", async () => {
    start();
    for (const path of ["/v1/info", "/nope", "/v1/loading/progress"]) {
      const response = await get(path, { "x-request-id": "mine-1" });
      expect(response.headers.get("x-request-id")).toBe("mine-1");
    }
    const made = await get("/v1/info", { "x-request-id": "with space" });
    expect(made.headers.get("x-request-id")).toMatch(/^req-/);
  });
});
