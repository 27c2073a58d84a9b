// Contracts of a worker with several models, for every route.
import { copyFileSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deferred } from "@waggle/async";
import { expectedFakeText } from "@waggle/engine";
import { createStepGate } from "@waggle/engine/testing";
import type { EngineCommand } from "@waggle/engine";
import type { ModelEvent, ModelStatus, ModelStatuses, StreamEvent } from "@waggle/protocol";
import { parseSse } from "@waggle/protocol/sse";
import { createTokenTable } from "@waggle/daemon/tokens";
import { createFakeClock } from "@waggle/testing";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { embeddedModelPath } from "../../models/embedded-model.ts";
import { readEvents, textInEvents } from "../../testing/events.ts";
import type { StreamReader } from "../../testing/events.ts";
import { createSeveralModels } from "../../testing/several-models.ts";
import type { SeveralModelsOptions } from "../../testing/several-models.ts";
import { testLimits } from "../../testing/inline-worker.ts";
import { useWorker } from "../../testing/use-worker.ts";

const { worker, start, call, post, get, read } = useWorker((options: Partial<SeveralModelsOptions> = {}) =>
  createSeveralModels({ models: ["ant", "bee"], ...options }),
);
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "several-models-"));
});

async function stream(model: string, more: Record<string, unknown> = {}): Promise<StreamReader> {
  const response = await post("/v1/inference", { model, prompt: `to ${model} [eog:9]`, temperature: 0, ...more });
  expect(response.status).toBe(200);
  return readEvents(response);
}

/** Requests a change, and returns its last event. */
async function change(path: string, body: unknown): Promise<ModelEvent | undefined> {
  const response = await post(path, body);
  if (response.body === null || !response.ok) throw new Error(`${response.status} ${await response.text()}`);
  let last: ModelEvent | undefined;
  for await (const { data } of parseSse(response.body)) if (data !== "[DONE]") last = JSON.parse(data) as ModelEvent;
  return last;
}

async function status(name: string): Promise<ModelStatus | undefined> {
  return ((await read("/v1/models/status")) as unknown as ModelStatuses).models.find((model) => model.name === name);
}

const endOf = (events: readonly StreamEvent[]): StreamEvent | undefined => events.at(-1);
const fileIn = (events: readonly StreamEvent[]): string | undefined => {
  const started = events.find((event) => event.type === "started");
  return started?.type === "started" ? started.model_file : undefined;
};
const isLoading = (event: StreamEvent): boolean => event.type === "status" && event.status === "loading";

const textFor = (text: string): string =>
  expectedFakeText({ kind: "text", text }, { temperature: 0, seed: 42, ignore_eos: false }, 100);

/** Reads the answer to its end, and checks that the file's engine wrote it completely. */
async function expectAnswer(reader: StreamReader, file: string, prompt: string): Promise<void> {
  const { events, done, failed } = await reader.rest();
  expect([fileIn(events), textInEvents(events), done, failed]).toEqual([file, textFor(prompt), true, false]);
  expect(endOf(events)).toMatchObject({ type: "end", finish_reason: "stop" });
}

const messages = [{ role: "user", content: "hello [eog:5]" }];
const limits = { max_tokens: 20 };

describe("a name", () => {
  const routes: readonly (readonly [path: string, body: Record<string, unknown>])[] = [
    ["/v1/inference", { prompt: "hello [eog:5]" }],
    ["/v1/chat/completions", { messages }],
    ["/v1/completions", { prompt: "hello [eog:5]" }],
    ["/v1/responses", { input: "hello [eog:5]" }],
    ["/v1/messages", { messages, ...limits }],
    ["/api/chat", { messages, stream: false }],
    ["/api/generate", { prompt: "hello [eog:5]", stream: false }],
    ["/v1/embeddings", { input: "hello" }],
    ["/v1/rerank", { query: "hello", documents: ["hello"] }],
    ["/v1/decisions", { input: "hello", questions: [{ type: "predicate", instructions: "Is it a greeting?" }] }],
  ];

  test.each(routes)("that is unknown is refused at %s, with the names of the known models", async (path, body) => {
    start();
    const response = await post(path, { ...body, model: "wasp" });
    expect(response.status).toBe(404);
    expect(await response.text()).toMatch(
      // Ollama's clients look for Ollama's message.
      path.startsWith("/api/")
        ? "model 'wasp' not found"
        : /Cannot find model \\?"wasp\\?": it does not exist; this worker serves ant, bee\./,
    );
    expect([worker.engines("ant"), worker.engines("bee")]).toEqual([0, 0]);
  });

  test("is required, unless a default model serves missing and unknown names", async () => {
    start();
    expect((await post("/v1/inference", { prompt: "hello" })).status).toBe(400);
    start({ defaultModel: "bee" });
    for (const named of [{}, { model: "wasp" }]) {
      const { events } = await readEvents(await post("/v1/inference", { prompt: "hello [eog:5]", ...named })).rest();
      expect(fileIn(events)).toBe("bee.gguf");
    }
  });

  test("can be added by a copy, and then belongs to that model only", async () => {
    start();
    expect((await post("/api/copy", { source: "bee", destination: "hornet" })).status).toBe(200);
    const reader = await stream("hornet");
    await expectAnswer(reader, "bee.gguf", "to hornet [eog:9]");
    expect((await post("/api/copy", { source: "ant", destination: "hornet" })).status).toBe(409);
    expect((await status("bee"))?.aliases).toEqual(["hornet"]);
  });
});

describe("a model that a job needs", () => {
  test("loads while the stream reports that, and an idle model is unloaded for it", async () => {
    start({ atOnce: 1, loadLater: ["bee"] });
    await expectAnswer(await stream("ant"), "ant.gguf", "to ant [eog:9]");
    const reader = await stream("bee");
    await reader.until(isLoading);
    (await worker.engine("bee")).load();
    await expectAnswer(reader, "bee.gguf", "to bee [eog:9]");
    expect(await status("ant")).toMatchObject({ state: "unloaded", loads: 1 });
    expect(worker.logLines).toContainEqual(
      expect.objectContaining({ msg: "model_unload", model: "ant", reason: "memory", for: "bee", jobs: 0 }),
    );
  });

  test("and cannot be loaded fails only the requests for that model", async () => {
    start({ loadLater: ["bee"] });
    const reader = await stream("bee");
    (await worker.engine("bee")).giveUp("Cannot load model bee: it is broken.");
    const { events } = await reader.rest();
    expect(endOf(events)).toMatchObject({
      type: "error",
      code: "unavailable",
      message: expect.stringContaining("broken"),
    });
    expect(await status("bee")).toMatchObject({ state: "failed", reason: expect.stringContaining("broken") });
    const lines = worker.logLines.map(({ msg }) => msg);
    expect(lines.filter((line) => line === "model_failed" || line === "stream_cancelled")).toEqual([
      "model_failed",
      "stream_cancelled",
    ]);
    await expectAnswer(await stream("ant"), "ant.gguf", "to ant [eog:9]");
  });
});

describe("an unload", () => {
  test("is refused for a pinned model; a model that does not fit next to the pinned model gets an error", async () => {
    start({ atOnce: 1 });
    expect((await post("/v1/models/pin", { model: "ant" })).status).toBe(200);
    expect((await post("/v1/models/unload", { model: "ant" })).status).toBe(409);
    const refused = await post("/v1/inference", { model: "bee", prompt: "hello" });
    expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining("pinned")]);
    expect(await status("ant")).toMatchObject({ state: "ready", pinned: true });
    await post("/v1/models/pin", { model: "ant", pinned: false });
    expect(await change("/v1/models/load", { model: "bee" })).toMatchObject({
      type: "done",
      model: { state: "ready" },
    });
    expect((await status("ant"))?.state).toBe("unloaded");
  });
});

describe("a query to a model", () => {
  const ask = async (model: string): Promise<unknown> => {
    const response = await post("/tokenize", { model, content: "hello" });
    return [response.status, await response.text()];
  };
  const answer = [200, expect.stringContaining('"tokens"')];

  test("is answered before the model is unloaded", async () => {
    start();
    await change("/v1/models/load", { model: "ant" });
    const sent = deferred<EngineCommand>();
    const engine = await worker.engine("ant");
    vi.spyOn(engine, "send").mockImplementation(sent.resolve);
    const asked = ask("ant");
    const command = await sent.promise;
    const unloaded = post("/v1/models/unload", { model: "ant" });
    await expect.poll(async () => (await status("ant"))?.state).toBe("unloading");
    const id = command.type === "query" ? command.id : "";
    engine.emit({ type: "query_result", id, answer: { kind: "tokenize", tokens: [7] } });
    expect(await asked).toEqual(answer);
    expect(await (await unloaded).json()).toMatchObject({ state: "unloaded" });
  });

  test("keeps its model loaded until the answer, even if another model needs the memory", async () => {
    start({ atOnce: 1 });
    await change("/v1/models/load", { model: "ant" });
    await change("/v1/models/load", { model: "bee" });
    for (let turn = 0; turn < 3; turn += 1) {
      expect(await Promise.all([ask("ant"), ask("bee")])).toEqual([answer, answer]);
    }
  });

  test("gets the reason if the model cannot be loaded, and does not start another load each time", async () => {
    start({ loadLater: ["bee"] });
    expect(await ask("bee")).toEqual([503, expect.stringContaining("not loaded yet")]);
    (await worker.engine("bee")).giveUp("Cannot load model: broken.");
    for (const path of ["/tokenize", "/api/chat"]) {
      const response = await post(path, { model: "bee", content: "hello", messages });
      expect([path, response.status, await response.text()]).toEqual([path, 503, expect.stringContaining("broken")]);
    }
    expect(worker.engines("bee")).toBe(1);
  });
});

test.each(["unload", "delete", "leave"])(
  "a client that waits for a model to load gets an error after: %s",
  async (end) => {
    start({ loadLater: ["ant", "bee"], atOnce: 1 });
    const [ant, bee] = [change("/v1/models/load", { model: "ant" }), change("/v1/models/load", { model: "bee" })];
    await expect.poll(async () => (await status("bee"))?.state).toBe("waiting");
    if (end === "unload") for (const model of ["ant", "bee"]) await post("/v1/models/unload", { model });
    if (end === "delete") {
      for (const entry of [...worker.models.entries()]) {
        worker.models.remove(entry);
        void worker.models.retire(entry.current, "removed");
      }
    }
    if (end === "leave") await worker.close();
    for (const change of [ant, bee]) expect(await change).toMatchObject({ type: "error", code: "cancelled" });
  },
);

test("a session has one stream, even with several models", async () => {
  const [clock, gate] = [createFakeClock(), createStepGate()];
  start({ clock, gates: { ant: gate } });
  const first = await stream("ant", { session_id: "s" });
  const second = await stream("bee", { session_id: "s" });
  clock.advance(testLimits.supersedeTimeoutMs);
  await expectAnswer(second, "bee.gguf", "to bee [eog:9]");
  gate.open();
  expect(endOf((await first.rest()).events)).toMatchObject({ finish_reason: "cancelled", cancelled_by: "superseded" });
});

test("an engine's death affects only the streams of its model", async () => {
  const gates = { ant: createStepGate(), bee: createStepGate() };
  start({ gates });
  const [ant, bee] = [await stream("ant", { on_engine_loss: "error" }), await stream("bee")];
  for (const [gate, reader] of [
    [gates.ant, ant],
    [gates.bee, bee],
  ] as const) {
    const begun = reader.until((event) => event.type === "token");
    gate.step(3);
    await begun;
  }
  (await worker.engine("ant")).kill();
  expect(endOf((await ant.rest()).events)).toMatchObject({ type: "error", code: "engine_failed" });
  gates.bee.open();
  await expectAnswer(bee, "bee.gguf", "to bee [eog:9]");
  expect([(await status("ant"))?.state, (await status("bee"))?.state]).toEqual(["loading", "ready"]);
});

describe("a swap", () => {
  test("lets the old file answer earlier jobs, and the new file later jobs", async () => {
    const gate = createStepGate();
    start({ gates: { ant: gate }, loadLater: ["bee"] });
    const before = await stream("ant");
    await before.until((event) => event.type === "status" && event.status === "thinking");
    const swapped = change("/v1/models/swap", { model: "ant", reference: "bee" });
    const next = await worker.engine("bee");
    const meanwhile = await stream("ant");
    expect(await status("ant")).toMatchObject({ replacing: { state: "loading" } });
    expect((await post("/v1/models/swap", { model: "ant", reference: "bee" })).status).toBe(409);
    next.load();
    expect(await swapped).toMatchObject({ type: "done", model: { name: "ant", state: "ready", leaving: 1 } });
    await expectAnswer(await stream("ant"), "bee.gguf", "to ant [eog:9]");
    gate.open();
    for (const reader of [before, meanwhile]) await expectAnswer(reader, "ant.gguf", "to ant [eog:9]");
    await expect.poll(async () => (await status("ant"))?.leaving).toBeUndefined();
    expect(worker.logLines).toContainEqual(
      expect.objectContaining({ msg: "model_unload", reason: "replaced", jobs: 0 }),
    );
  });

  test.each<[why: string, reference: string]>([
    ["there is no such file", "wasp.gguf"],
    ["it does not load", "bee"],
  ])("that fails because %s keeps the old file", async (_, reference) => {
    start({ loadLater: ["bee"] });
    await expectAnswer(await stream("ant"), "ant.gguf", "to ant [eog:9]");
    const swapped = post("/v1/models/swap", { model: "ant", reference });
    if (reference === "bee") (await worker.engine("bee")).giveUp("Cannot load model: broken.");
    const told = await (await swapped).text();
    expect(told).toContain(reference === "bee" ? "broken" : "Cannot swap to wasp.gguf: there is no such file");
    await expectAnswer(await stream("ant"), "ant.gguf", "to ant [eog:9]");
    const after = await status("ant");
    expect([after?.state, after?.replacing, worker.engines("ant")]).toEqual(["ready", undefined, 1]);
    await expect.poll(() => worker.models.hosts().length).toBe(2);
  });

  test("of an unloaded model runs the waiting jobs on the old file if the new file cannot be loaded", async () => {
    start({ loadLater: ["bee"] });
    const swapped = post("/v1/models/swap", { model: "ant", reference: "bee" });
    const bee = await worker.engine("bee");
    const waiting = await stream("ant");
    for (const [method, path] of [
      ["POST", "/v1/models/swap"],
      ["DELETE", "/v1/models/ant"],
    ] as const) {
      const body = method === "POST" ? { model: "ant", reference: "bee" } : undefined;
      expect((await call(method, path, body)).status, `${method} meanwhile`).toBe(409);
    }
    bee.giveUp("Cannot load model: broken.");
    expect(await (await swapped).text()).toContain("broken");
    await expectAnswer(waiting, "ant.gguf", "to ant [eog:9]");
    await expectAnswer(await stream("ant"), "ant.gguf", "to ant [eog:9]");
    expect(await change("/v1/models/swap", { model: "ant", reference: "ant" })).toMatchObject({ type: "done" });
  });

  test("is refused without memory for both files, and the old file continues to serve", async () => {
    start({ atOnce: 1 });
    await change("/v1/models/load", { model: "ant" });
    const response = await post("/v1/models/swap", { model: "ant", reference: "bee" });
    const why = "models that stay take all 1 places of --max-loaded-models. Set unload_first";
    expect([response.status, await response.text()]).toEqual([429, expect.stringContaining(why)]);
    expect([(await status("ant"))?.state, worker.engines("bee")]).toEqual(["ready", 0]);
  });
});

test("a file is deleted only if Waggle has downloaded it, however the settings name it", async () => {
  const file = join(folder, "hf_a_ant_ant.Q8_0.gguf");
  copyFileSync(embeddedModelPath(), file);
  copyFileSync(embeddedModelPath(), join(folder, "mine.gguf"));
  const record = { kind: "waggle-download", reference: "hf:a/ant:Q8_0", name: "ant", parts: [{}] };
  writeFileSync(`${file}.json`, JSON.stringify(record));
  start({ models: ["hf_a_ant_ant.Q8_0", "mine"], folder, modelsFolder: folder });
  await worker.describeModels();
  expect(await status("hf_a_ant_ant.Q8_0")).toMatchObject({ source: "download", deletable: true });
  expect(await status("mine")).toMatchObject({ source: "file", deletable: false });
  expect((await call("DELETE", "/v1/models/hf_a_ant_ant.Q8_0")).status).toBe(200);
  const refused = await call("DELETE", "/v1/models/mine");
  expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining("has not downloaded its file")]);
  await expectAnswer(await stream("mine"), "mine.gguf", "to mine [eog:9]");
  expect(readdirSync(folder)).toEqual(["mine.gguf"]);
});

test("a model answers under the name of its file, too", async () => {
  start({ models: ["hornet", "bee"] });
  worker.models.add({ name: "Vespa Crabro", aliases: [], reference: "hornet.gguf", source: "file", pinned: false });
  await change("/v1/models/load", { model: "Vespa Crabro" });
  worker.models.remove(worker.models.named("hornet"));
  for (const name of ["hornet.gguf", "Hornet"])
    await expectAnswer(await stream(name), "hornet.gguf", `to ${name} [eog:9]`);
});

test("the models whose jobs began are reported with their files", async () => {
  const used: string[] = [];
  for (const name of ["ant", "bee"]) copyFileSync(embeddedModelPath(), join(folder, `${name}.gguf`));
  start({ folder, onUsed: (file) => used.push(file) });
  await (await stream("bee")).rest();
  expect(used).toEqual([join(folder, "bee.gguf")]);
});

test("a file that also serves another model is not deleted", async () => {
  start({ models: ["ant"] });
  const rest = { aliases: [], reference: "ant.gguf", source: "download", pinned: false } as const;
  for (const name of ["cat", "dog"]) {
    worker.models.add({ name, ...rest });
    await change("/v1/models/load", { model: name });
  }
  const response = await call("DELETE", "/v1/models/cat");
  expect([response.status, await response.text()]).toEqual([409, expect.stringContaining("same file")]);
  await expectAnswer(await stream("cat"), "ant.gguf", "to cat [eog:9]");
});

test.each(["/v1/models/copy", "/api/delete"])("deleting a copy deletes only its name: %s", async (path) => {
  start();
  const before = worker.models.entries().length;
  expect((await post("/api/copy", { source: "ant", destination: "copy" })).status).toBe(200);
  const response = await call("DELETE", path, path.startsWith("/api") ? { model: "COPY:latest" } : undefined);
  expect([response.status, worker.models.entries().length]).toEqual([200, before]);
  expect((await status("ant"))?.aliases).toEqual([]);
});

test.each([
  ["bee:latest", 409],
  ["BEE", 409],
  ["", 400],
  ["a\nb", 400],
  ["status", 400],
])("a copy cannot have the name %j", async (destination, code) => {
  start();
  expect((await post("/api/copy", { source: "ant", destination })).status).toBe(code);
  expect((await status("ant"))?.aliases).toEqual([]);
});

describe("in network mode", () => {
  const tokens = createTokenTable([
    { name: "root", token: "root-secret", admin: true },
    { name: "guest", token: "guest-secret" },
  ]);
  const root = { authorization: "Bearer root-secret" };
  const guest = { authorization: "Bearer guest-secret" };

  test.each<[method: string, path: string, body: unknown]>([
    ["POST", "/v1/models/load", { model: "ant" }],
    ["POST", "/v1/models/unload", { model: "ant" }],
    ["POST", "/v1/models/pin", { model: "ant" }],
    ["POST", "/v1/models/swap", { model: "ant", reference: "bee" }],
    ["POST", "/v1/models/pull", { reference: "hf:user/repo" }],
    ["GET", "/v1/downloads", undefined],
    ["DELETE", "/v1/models/ant", undefined],
    ["POST", "/api/copy", { source: "ant", destination: "x" }],
    ["DELETE", "/api/delete", { model: "ant" }],
    ["POST", "/api/pull", { model: "x" }],
    ["POST", "/api/generate", { model: "ant", keep_alive: 0 }],
  ])("%s %s needs the admin right", async (method, path, body) => {
    start({ access: { localMode: false, tokens: () => tokens } });
    const ask = async (headers: Record<string, string>): Promise<number> => {
      const response = await call(method, path, body, headers);
      await response.text();
      return response.status;
    };
    expect(await ask(guest)).toBe(403);
    expect([worker.engines("ant"), worker.models.find("ant").aliases.size]).toEqual([0, 0]);
    const deleting = method === "DELETE";
    const allowed = await ask(root);
    // A file that was not downloaded is never deleted.
    if (deleting) expect(allowed).toBe(403);
    else expect(allowed).not.toBe(403);
  });

  const requests: readonly (readonly [path: string, body: Record<string, unknown>])[] = [
    ["/v1/inference", { prompt: "hello [eog:5]" }],
    ["/v1/jobs", { prompt: "hello [eog:5]" }],
    ["/v1/chat/completions", { messages }],
    ["/v1/completions", { prompt: "hello [eog:5]" }],
    ["/api/chat", { messages, stream: false }],
    ["/api/generate", { prompt: "hello [eog:5]", stream: false }],
    ["/api/chat", {}],
    ["/api/embed", { input: [] }],
    ["/api/embeddings", {}],
  ];
  test.each(requests)(
    "%s %j: only an admin can change keep_alive; for other clients the model's setting applies",
    async (path, body) => {
      const clock = createFakeClock();
      const access = { localMode: false, tokens: () => tokens };
      start({ access, clock, keepAliveMs: 60_000 });
      const ask = async (headers: Record<string, string>, keepAlive: unknown): Promise<void> => {
        const response = await post(path, { ...body, model: "ant", keep_alive: keepAlive }, headers);
        expect(response.status).toBeLessThan(300);
        await response.text();
        const { registry } = worker.models.find("ant").current;
        await expect.poll(() => registry.liveCount).toBe(0);
      };
      const staysMs = (): number | undefined => {
        const at = worker.models.pool.expiresAt(worker.models.find("ant").current);
        return at === undefined ? undefined : at - clock.now();
      };
      await (await post("/v1/models/load", { model: "ant" }, root)).text();
      for (const keepAlive of ["2m", -1, "1ms", 0.001]) {
        clock.advance(1);
        await ask(guest, keepAlive);
        await expect.poll(staysMs, { message: String(keepAlive) }).toBe(60_000);
      }
      await ask(root, "5s");
      await expect.poll(staysMs).toBe(5_000);
    },
  );

  test("a client without the admin right sees no folders; only the log has the path", async () => {
    const access = { localMode: false, tokens: () => tokens };
    start({ access, modelsFolder: folder });
    const reference = join(folder, "deep/wasp.gguf");
    worker.models.add({ name: "wasp", aliases: [], reference, source: "download", pinned: false });
    const refused = await post("/v1/inference", { model: "wasp", prompt: "hello" }, guest);
    const listed = async (path: string): Promise<string> => await (await get(path, guest)).text();
    const said = [await refused.text(), await listed("/v1/models/status"), await listed("/v1/models")];
    expect([refused.status, said[0]]).toEqual([503, expect.stringContaining("wasp.gguf: no such file")]);
    expect(said[1]).toContain("wasp.gguf: no such file");
    for (const text of said) expect(text).not.toContain("deep");
    const logged = expect.stringContaining(reference) as string;
    expect(worker.logLines).toContainEqual(
      expect.objectContaining({ level: "error", event: "model_failed", reason: logged }),
    );
  });
});

test("a worker whose only model was in a crash loop is failed for probes until the model is loaded again", async () => {
  start({ models: ["ant"] });
  const health = async () => await (await get("/health")).json();
  expect(await health()).toMatchObject({ state: "ready", ready: true });
  const engine = await worker.engine("ant");
  engine.kill();
  engine.giveUp("The engine died 3 times in a row.");
  expect(await health()).toMatchObject({ state: "failed", live: false, reason: "The engine died 3 times in a row." });
  expect(await change("/v1/models/load", { model: "ant" })).toMatchObject({ type: "done" });
  await expectAnswer(await stream("ant"), "ant.gguf", "to ant [eog:9]");
  expect(await health()).toMatchObject({ state: "ready", live: true });
});

test("a worker stays ready if the model that is left after a deletion had failed before", async () => {
  start({ models: ["ant"], atOnce: 2 });
  const bee = { name: "bee", aliases: [], reference: "ant.gguf", source: "download", pinned: false } as const;
  worker.models.add(bee);
  await change("/v1/models/load", { model: "bee" });
  (await worker.engine("ant")).giveUp("The engine died 3 times in a row.");
  worker.models.remove(worker.models.find("bee"));
  const { hosts } = worker.models;
  await worker.models.retire(hosts().find(({ name }) => name === "bee") ?? expect.fail("no host"), "removed");
  expect(await read("/health")).toMatchObject({ state: "ready", live: true });
});
