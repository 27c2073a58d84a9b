// Contracts about a model that was never loaded but whose file is on this machine: the file determines how the model chats.
import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { describeFile } from "@waggle/chat-format/describe";
import { OllamaShowSchema } from "@waggle/protocol";
import type { ModelStatuses } from "@waggle/protocol";
import { poll } from "@waggle/testing/harness";
import { shapeNamed, writeRandomModel, writeScriptedModel } from "@waggle/testing/models";
import { beforeAll, describe, expect, test } from "vitest";
import { readEvents } from "../../testing/events.ts";
import { writeProjectorHeader } from "../../testing/write-projector.ts";
import { worksOf } from "../../testing/last-work.ts";
import { createSeveralModels } from "../../testing/several-models.ts";
import type { SeveralModelsOptions } from "../../testing/several-models.ts";
import { useWorker } from "../../testing/use-worker.ts";

const folder = mkdtempSync(join(tmpdir(), "not-loaded-"));
const pathOf = (name: string): string => join(folder, `${name}.gguf`);

function write(name: string, template: string): void {
  writeScriptedModel({ path: pathOf(name), template: llamaTemplates().get(template) ?? template, context: 64 });
}

beforeAll(() => {
  write("qwen", "Qwen-Qwen3-0.6B");
  write("oss", "openai-gpt-oss-120b");
  write("picky", "{{ raise_exception('no') if messages[0].content == 'odd' }}{{ messages[0].content }}");
  write("split", "{{ messages[0].content.split('<|im_end|>') | length }}: {{ messages[0].content }}");
  write("plain", "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:");
  writeRandomModel({ ...shapeNamed("embed"), layers: 1, vocabulary: 400 }, pathOf("embed"));
  writeFileSync(pathOf("noise"), "noise");
});

const formats: Record<string, ReturnType<typeof describeFile>> = {};
const { worker, start, post, get, answerOf, read } = useWorker((options: Partial<SeveralModelsOptions> = {}) =>
  createSeveralModels({ models: ["qwen", "oss", "plain", "embed", "noise"], folder, ...options }),
);

/** Starts a worker whose engine for `model` has the chat format of the model's file. The test decides when the engine loads. */
async function startAs(model: string): Promise<void> {
  const { chatFormat } = await (formats[model] ??= describeFile(pathOf(model), { chosen: undefined }));
  start({ loadLater: [model], fakes: { [model]: { chatFormat } } });
}

const messages = [{ role: "user", content: "hello [eog:5]" }];
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "look", parameters: schema } }];

describe("the first chat with a model", () => {
  test.each<[model: string, path: string, body: Record<string, unknown>, end: string]>([
    ["qwen", "/v1/messages", { messages, max_tokens: 20, stream: true }, "event: message_stop"],
    ["oss", "/v1/messages", { messages, max_tokens: 20, thinking: { type: "adaptive" }, stream: true }, "message_stop"],
    ["qwen", "/api/chat", { messages }, '"done":true'],
    ["qwen", "/api/chat", { messages, tools, think: true }, '"done":true'],
    ["qwen", "/v1/chat/completions", { messages, tools, stream: true }, "data: [DONE]"],
    ["oss", "/v1/chat/completions", { messages, json_schema: schema, stream: true }, "data: [DONE]"],
    ["oss", "/v1/responses", { input: "hi [eog:5]", reasoning: { effort: "low" }, stream: true }, "response.completed"],
  ])(
    "%s at %s %j starts its stream before the model is loaded; its job equals that of a later request",
    async (model, path, body, end) => {
      await startAs(model);
      const response = await post(path, { model, ...body });
      expect(response.status).toBe(200);
      const engine = await worker.engine(model);
      expect(engine.commands).toEqual([]);
      engine.load();
      expect(await response.text()).toContain(end);

      const again = await post(path, { model, ...body });
      expect(await again.text()).toContain(end);
      const works = worksOf(engine);
      expect(works).toHaveLength(2);
      expect(works[1]).toEqual({ ...works[0], sampling: expect.anything() });
    },
  );

  test("reports that the model loads", async () => {
    const model = "qwen";
    await startAs(model);
    const reader = readEvents(await post("/v1/inference", { model, messages, json_schema: schema }));
    const loading = await reader.until((event) => event.type === "status" && event.status === "loading");
    expect(loading).toBeDefined();
    (await worker.engine(model)).load();
    expect((await reader.rest()).done).toBe(true);
  });
});

test("the hash of a model's file is computed while the model loads", async () => {
  await startAs("qwen");
  const answered = post("/v1/inference", { model: "qwen", messages });
  const engine = await worker.engine("qwen");
  const expected = await hashOf("qwen");
  await poll("the hash", async () => (await statuses()).models[0]?.sha256 === expected);
  engine.load();
  expect(await (await answered).text()).toContain("[DONE]");
});

async function hashOf(model: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(pathOf(model))) hash.update(piece as Buffer);
  return hash.digest("hex");
}

const statuses = async () => (await read("/v1/models/status")) as unknown as ModelStatuses;

async function shown(model: string): Promise<readonly string[] | undefined> {
  return OllamaShowSchema.parse(await answerOf("/api/show", { model })).capabilities;
}

describe("the abilities of the model", () => {
  test("are shown without loading the model, and then also in the list of models", async () => {
    start();
    expect(await shown("qwen")).toEqual(["completion", "tools", "thinking", "decision"]);
    expect(await shown("plain")).toEqual(["completion", "tools", "decision"]);
    expect(await shown("embed")).toEqual(["embedding"]);
    const { models } = await statuses();
    expect(models.map(({ name, state, chat }) => [name, state, chat?.thinking])).toEqual([
      ["qwen", "unloaded", "switchable"],
      ["oss", "unloaded", undefined],
      ["plain", "unloaded", "never"],
      ["embed", "unloaded", undefined],
      ["noise", "unloaded", undefined],
    ]);
  });

  test("include the reading of pictures if a projector that fits is next to the model", async () => {
    const shape = { ...shapeNamed("15m"), layers: 1, vocabulary: 400 };
    const { width } = shape;
    for (const model of ["seeing", "misled"]) writeRandomModel(shape, pathOf(model));
    writeProjectorHeader(pathOf("mmproj-seeing-f16"), width);
    writeProjectorHeader(pathOf("mmproj-misled-f16"), width + 1);
    start({ models: ["seeing", "misled", "plain"] });
    await worker.describeModels();
    const { models } = await statuses();
    const vision = { projector: "mmproj-seeing-f16.gguf", bytes: expect.any(Number), max_pixels: 2_100_000 };
    expect(models.map((model) => [model.name, model.vision, model.vision_problem])).toEqual([
      ["seeing", vision, undefined],
      ["misled", undefined, expect.stringContaining("mmproj-misled-f16.gguf: its embeddings have")],
      ["plain", undefined, undefined],
    ]);
    expect(await read("/v1/info")).toMatchObject({ vision });
  });

  test("are read once from the file, and again when the file has changed", async () => {
    write("changing", "Qwen-Qwen3-0.6B");
    start({ models: ["changing", "plain"] });
    expect(await Promise.all([shown("changing"), shown("changing")])).toEqual([
      ["completion", "tools", "thinking", "decision"],
      ["completion", "tools", "thinking", "decision"],
    ]);
    write("changing", "{{ messages[0].content }}");
    expect(await shown("changing")).toEqual(["completion", "tools", "decision"]);
  });
});

describe("/apply-template", () => {
  /** The response's status and body, the model's state afterwards, and the number of engines that were started. */
  async function rendered(model: string, body: Record<string, unknown>): Promise<unknown[]> {
    const response = await post("/apply-template", { model, ...body });
    const { state } = worker.models.find(model).current;
    return [response.status, await response.json(), state.name, worker.engines(model)];
  }

  test("shows the prompt without loading the model", async () => {
    start();
    const body = { messages: [{ role: "user", content: "Hi" }], chat_template_kwargs: { enable_thinking: false } };
    const prompt = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";
    expect(await rendered("qwen", body)).toEqual([200, { prompt }, "unloaded", 0]);
  });

  test("shows a control token in a client's text as the template of a loaded model sees it", async () => {
    start({ models: ["qwen", "split"] });
    const content = "a<|im_end|>b";
    const prompt = `1: ${content}`;
    expect(await rendered("split", { messages: [{ role: "user", content }] })).toEqual([
      200,
      { prompt },
      "unloaded",
      0,
    ]);
  });

  test("refuses messages that the template refuses", async () => {
    start({ models: ["qwen", "picky"] });
    const [status, answer, state] = await rendered("picky", { messages: [{ role: "user", content: "odd" }] });
    expect([status, state]).toEqual([400, "unloaded"]);
    expect(JSON.stringify(answer)).toContain("the model's chat template does not take them: no");
  });

  test.each([
    ["noise", "an invalid file"],
    ["embed", "a model that does not write"],
  ])("loads the model %s to render its prompt: %s", async (model) => {
    start({ loadLater: [model] });
    expect((await post("/apply-template", { model, messages })).status).toBe(503);
    (await worker.engine(model)).load();
    expect((await post("/apply-template", { model, messages })).status).toBe(200);
  });
});

describe("a request that the model's file cannot answer", () => {
  test.each([
    ["an invalid file", "noise", {}],
    ["a missing file", "qwen", { folder: "/nonexistent" }],
  ])("because of %s loads the model, and asks the client to retry", async (_, model, options) => {
    start({ ...options, loadLater: [model] });
    const response = await post("/v1/messages", { model, messages, max_tokens: 20 });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await response.text()).toContain("Cannot tell how the model's answers are written: the model is not loaded");
    (await worker.engine(model)).load();
    expect((await post("/v1/messages", { model, messages, max_tokens: 20 })).status).toBe(200);
  });

  test.each(["/v1/messages/count_tokens", "/tokenize"])("%s begins to load it", async (path) => {
    start({ loadLater: ["qwen"] });
    expect((await post(path, { model: "qwen", messages, content: "a" })).status).toBe(503);
    (await worker.engine("qwen")).load();
    expect((await post(path, { model: "qwen", messages, content: "a" })).status).toBe(200);
  });

  test.each(["/props?model=qwen", "/lora-adapters?model=qwen"])("%s begins to load it", async (path) => {
    start({ loadLater: ["qwen"] });
    expect((await get(path)).status).toBe(503);
    (await worker.engine("qwen")).load();
    expect((await get(path)).status).toBe(200);
  });
});
