// Compares recorded answers with the types of the clients' packages and with OpenAI's document, so that a field that they require cannot get lost.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseSse } from "@waggle/protocol/sse";
import { repositoryPath } from "@waggle/testing/harness";
import { beforeAll, expect, test } from "vitest";
import { usualScriptedWorker, type ScriptedWorker } from "../support/scripted-worker.ts";

type Json = Record<string, unknown>;

const question = [{ role: "user", content: "How is the weather in Bern?" }];
const parameters = { type: "object", properties: { city: { type: "string" } } };
const name = "get_weather";
const call = `<think>\nHm.\n</think>\n\nI look.\n<tool_call>\n{"name": "${name}", "arguments": {"city": "Bern"}}\n</tool_call>`;
const chat = { messages: question, tools: [{ type: "function", function: { name, parameters } }], max_tokens: 300 };
const responses = { input: question, tools: [{ type: "function", name, parameters }], max_output_tokens: 300 };
const custom = { input: question, tools: [{ type: "custom", name: "shell" }], max_output_tokens: 300 };
const shellCall = `<tool_call>\n{"name": "shell", "arguments": {"input": "ls"}}\n</tool_call>`;
const anthropic = { messages: question, tools: [{ name, input_schema: parameters }], max_tokens: 300 };
const ollama = { model: "scripted", messages: question, tools: chat.tools };
const stream = { stream: true };
const schema = { type: "json_schema", name: "s", schema: { type: "object", properties: {} } };

interface Recorded {
  /** The client's type of each answer or event. */
  readonly type: string;
  /** The document's schema. */
  readonly document?: string;
  readonly path: string;
  readonly body?: Json;
  readonly say?: string;
}

const Message = "Anthropic.Message";
const cases: readonly Recorded[] = [
  {
    type: "OpenAI.ChatCompletion",
    document: "CreateChatCompletionResponse",
    path: "/v1/chat/completions",
    body: { ...chat, logprobs: true, top_logprobs: 1 },
    say: call,
  },
  {
    type: "OpenAI.ChatCompletionChunk",
    document: "CreateChatCompletionStreamResponse",
    path: "/v1/chat/completions",
    body: { ...chat, ...stream, stream_options: { include_usage: true } },
    say: call,
  },
  {
    type: "OpenAI.Completion",
    document: "CreateCompletionResponse",
    path: "/v1/completions",
    body: { prompt: "Hi", max_tokens: 4, logprobs: 1 },
  },
  { type: "OpenAI.Completion", path: "/v1/completions", body: { prompt: "Hi", max_tokens: 4, ...stream } },
  {
    type: "OpenAI.CreateEmbeddingResponse",
    document: "CreateEmbeddingResponse",
    path: "/v1/embeddings",
    body: { input: "Hi" },
  },
  { type: "{ object: string; data: OpenAI.Model[] }", document: "ListModelsResponse", path: "/v1/models" },
  { type: "Response", document: "Response", path: "/v1/responses", body: responses, say: call },
  {
    type: "Response",
    document: "Response",
    path: "/v1/responses",
    body: { ...responses, max_output_tokens: 16, text: { format: schema }, tools: [] },
  },
  {
    type: "OpenAI.Responses.ResponseStreamEvent",
    document: "ResponseStreamEvent",
    path: "/v1/responses",
    body: { ...responses, ...stream },
    say: call,
  },
  {
    type: "OpenAI.Responses.ResponseStreamEvent",
    document: "ResponseStreamEvent",
    path: "/v1/responses",
    body: { ...custom, ...stream },
    say: shellCall,
  },
  { type: "{ error: OpenAI.ErrorObject }", document: "ErrorResponse", path: "/v1/chat/completions", body: {} },
  { type: "{ error: OpenAI.ErrorObject }", document: "ErrorResponse", path: "/v1/nothing", body: {} },
  { type: "{ error: OpenAI.ErrorObject }", document: "ErrorResponse", path: "/v1/models/nothing" },
  { type: Message, path: "/v1/messages", body: anthropic, say: call },
  { type: Message, path: "/v1/messages", body: { ...anthropic, max_tokens: 2 } },
  { type: "Anthropic.RawMessageStreamEvent", path: "/v1/messages", body: { ...anthropic, ...stream }, say: call },
  { type: "Anthropic.MessageTokensCount", path: "/v1/messages/count_tokens", body: { messages: question } },
  { type: "Anthropic.ErrorResponse", path: "/v1/messages", body: {} },
  {
    type: "Ollama.ChatResponse",
    path: "/api/chat",
    body: { ...ollama, stream: false, options: { num_predict: 300 } },
    say: call,
  },
  { type: "Ollama.EmbedResponse", path: "/api/embed", body: { model: "scripted", input: "Hi" } },
  { type: "{ models: Omit<Ollama.ModelResponse, 'expires_at' | 'size_vram'>[] }", path: "/api/tags" },
  { type: "{ models: Omit<Ollama.ModelResponse, 'modified_at'>[] }", path: "/api/ps" },
  {
    type: "Omit<Ollama.ShowResponse, 'model_info' | 'system' | 'messages'>",
    path: "/api/show",
    body: { model: "scripted" },
  },
];

let worker: ScriptedWorker;
let recorded: readonly (Recorded & { readonly answers: readonly Json[] })[];
beforeAll(async () => {
  worker = await usualScriptedWorker();
  const all = [];
  for (const one of cases) all.push({ ...one, answers: await answersTo(one) });
  recorded = all;
});

async function answersTo({ path, body, say }: Recorded): Promise<readonly Json[]> {
  const ask = say === undefined ? fetch : worker.fetchSaying([say]);
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await ask(`${worker.url}${path}`, init);
  if (response.headers.get("content-type")?.startsWith("text/event-stream") !== true)
    return [(await response.json()) as Json];
  const events: Json[] = [];
  for await (const { data } of parseSse(response.body as ReadableStream<Uint8Array>)) {
    const event = data === "[DONE]" ? {} : (JSON.parse(data) as Json);
    // An event of Waggle's, which keeps the stream alive.
    if (data !== "[DONE]" && event["type"] !== "keepalive") events.push(event);
  }
  return events;
}

test("recorded answers have all fields that the types of openai, @anthropic-ai/sdk and ollama require", async () => {
  const folder = mkdtempSync(join(tmpdir(), "waggle-types-"));
  symlinkSync(repositoryPath("tests/node_modules"), join(folder, "node_modules"));
  const lines = recorded.flatMap(({ type, answers }) =>
    answers.map((answer, index) => `${index}; ((value: ${type}): unknown => value)(wire(${literalOf(answer)}));`),
  );
  // The clients make dates of texts, and the openai package adds output_text. Its `usage` cannot be null, though OpenAI's own examples have a null.
  const head = `import OpenAI from "openai";
    import Anthropic from "@anthropic-ai/sdk";
    import type * as Ollama from "ollama";
    type Wire<T> = T extends Date ? T : { -readonly [K in keyof T]: Wire<T[K]> };
    type Response = OpenAI.Responses.Response;
    const wire = <const T>(value: T): Wire<T> => value as Wire<T>;`;
  writeFileSync(join(folder, "answers.ts"), [head, ...lines].join("\n"));
  const flags = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2023", "--types", ""];
  const run = promisify(execFile)(
    process.execPath,
    [repositoryPath("node_modules/typescript/bin/tsc"), ...flags, "answers.ts"],
    { cwd: folder },
  );
  const { stdout, stderr } = await run.catch((error: { stdout: string; stderr: string }) => error);
  expect([stdout, stderr]).toEqual(["", ""]);
});

function literalOf(answer: Json): string {
  const text = JSON.stringify(answer, (key, value: unknown) => {
    if (key === "reasoning_content" || (key === "usage" && value === null)) return undefined;
    const { object } = (value ?? {}) as Json;
    return object === "response" ? { ...(value as Json), output_text: "" } : value;
  });
  return text.replaceAll(/("(?:created_at|modified_at|expires_at)"):("[^"]+")/g, "$1:new Date($2)");
}

test("recorded answers have all fields that OpenAI's document requires", () => {
  const table = JSON.parse(
    readFileSync(join(import.meta.dirname, "openai-document/required-fields.json"), "utf8"),
  ) as Record<string, string>;
  const missing = recorded.flatMap(({ document, path, answers }) =>
    (document === undefined ? [] : (table[document] ?? "").split(" ")).flatMap((field) =>
      answers.flatMap((answer) => (lacks(answer, field.split(".")) ? [`${path}: ${field}`] : [])),
    ),
  );
  expect([...new Set(missing)]).toEqual([]);
});

/** Whether an object on the path lacks the last field. A path ends where a variant or an optional object is absent. */
function lacks(value: unknown, [step, ...rest]: readonly string[]): boolean {
  if (step === undefined || typeof value !== "object" || value === null) return false;
  const [, key = "", list = "", type] = /^([^[<]*)(\[\])?(?:<(.*)>)?$/.exec(step) ?? [];
  const found = key === "" ? value : (value as Json)[key];
  if (rest.length === 0 && list === "" && type === undefined) return found === undefined;
  const items = list === "" ? [found] : Array.isArray(found) ? (found as unknown[]) : [];
  return items.some((item) => (type === undefined || (item as Json | null)?.["type"] === type) && lacks(item, rest));
}
