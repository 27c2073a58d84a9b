// Tests the switches of requests with messages: one request for each switch, to a real worker with a scripted model.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Script } from "@waggle/testing/models";
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { killDaemons } from "../support/daemon.ts";
import { spawnScriptedWorker, type ScriptedWorker } from "../support/scripted-worker.ts";

type Body = Readonly<Record<string, unknown>>;
interface Choice {
  readonly message: Body;
  readonly finish_reason: string;
}

const messages = [{ role: "user", content: "What is the weather?" }];
const templates = llamaTemplates();
const template = templates.get("Qwen-Qwen3-0.6B") as string;
const folder = mkdtempSync(join(tmpdir(), "waggle-template-"));

/** Uses the template of the model's family. The settings of `overridden` name another template and other defaults. */
let worker: ScriptedWorker;
let overridden: ScriptedWorker;
beforeAll(async () => {
  const file = join(folder, "gpt-oss.jinja");
  writeFileSync(file, templates.get("openai-gpt-oss-120b") as string);
  const flags = ["--chat-template", file, "--default-max-tokens", "20", "--repetition-limit", "3"];
  [worker, overridden] = await Promise.all([
    spawnScriptedWorker({ template, context: 2_048 }, ["--slots", "1"]),
    spawnScriptedWorker({ template, context: 2_048 }, ["--slots", "1", ...flags]),
  ]);
});
afterAll(killDaemons);

async function ask(body: Body, say: Script, from = worker): Promise<Choice & { readonly tokens: number }> {
  const asked = { messages, temperature: 0, max_tokens: 300, ...body };
  await from.prepare({ body: asked, say });
  const response = await from.post("/v1/chat/completions", asked);
  const { choices, usage } = (await response.json()) as { choices: [Choice]; usage: { completion_tokens: number } };
  return { ...choices[0], tokens: usage.completion_tokens };
}

function tool(name: string, properties: Body, more: Body = {}): Body {
  const parameters = { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
  return { type: "function", function: { name, parameters, ...more } };
}

const weather = tool("get_weather", { city: { type: "string" }, days: { type: "integer" } });
const clock = tool("read_clock", {});
const tools = [weather, clock];
const schema = tool("x", { days: { type: "integer" } })["function"] as { parameters: Body };
const asJson = { type: "json_schema", json_schema: { name: "days", schema: schema.parameters } };

const call = (name: string, args: string): string =>
  `<tool_call>\n{"name": "${name}", "arguments": ${args}}\n</tool_call>`;
const reading = call("read_clock", "{}");
const asking = call("get_weather", '{"city": "Zürich", "days": 2}');
const thinking = "<think>\nHm.\n</think>\n\n";
const alphabet = "abcdefghijklmnopqrstuvwxyz";
const read = { function: { name: "read_clock", arguments: "{}" } };

describe("a request", () => {
  it.each<[name: string, body: Body, say: Script, message: Body, reason?: string]>([
    ["switches thoughts off", { enable_thinking: false }, "Yes.", { content: "Yes." }],
    ["switches them on", { enable_thinking: true }, `${thinking}Yes.`, { content: "Yes.", reasoning_content: "Hm." }],
    ["asks for no reasoning effort", { reasoning_effort: "none" }, "Yes.", { content: "Yes." }],
    ["sets a variable of the template", { chat_template_kwargs: { enable_thinking: false } }, "A.", { content: "A." }],
    [
      "allows at most one call",
      { tools, parallel_tool_calls: false },
      `${reading}\n${asking}`,
      { content: null, tool_calls: [read] },
      "tool_calls",
    ],
    [
      "requires a call, and lets the model think first",
      { tools, tool_choice: "required" },
      `${thinking}${reading}`,
      { content: null, reasoning_content: "Hm.", tool_calls: [read] },
      "tool_calls",
    ],
    [
      "requires a call of the named function",
      { tools, tool_choice: { type: "function", function: { name: "read_clock" } } },
      asking,
      { content: null, tool_calls: [read] },
      "tool_calls",
    ],
    ["forbids calls", { tools, tool_choice: "none" }, reading, { content: reading }],
    [
      "asks for JSON, and the thought contains other JSON",
      { response_format: asJson },
      '<think>\n{"days": "two"}\n</think>\n\n{"days": 2}',
      { content: '{"days": 2}', reasoning_content: '{"days": "two"}' },
    ],
    ["asks for JSON or a call", { response_format: asJson, tools }, reading, { tool_calls: [read] }, "tool_calls"],
    [
      "has a grammar, and gets calls as content",
      { grammar: "root ::= [^\\x00]*", tools },
      reading,
      {
        content: reading,
      },
    ],
  ])("%s", async (_name, body, say, message, reason = "stop") => {
    const choice = await ask(body, say);
    expect(choice).toMatchObject({ message, finish_reason: reason });
    for (const part of ["reasoning_content", "tool_calls"] as const)
      expect(part in choice.message, part).toBe(part in message);
    const { tool_calls: calls } = choice.message as { tool_calls?: unknown[] };
    expect(calls?.length).toBe((message["tool_calls"] as unknown[] | undefined)?.length);
  });
});

it("an answer with an unreadable call is returned as content, and counted", async () => {
  const unreadable = async (): Promise<number> =>
    Number(/^waggle_unreadable_tool_calls_total\{model=".+"\} (\d+)$/m.exec(await worker.client.metrics())?.[1]);
  const before = await unreadable();
  const broken = '<tool_call>\n{"name": "get_weather", city!}\n</tool_call>';
  const length = worker.model.tokenize(broken).length;
  // With `ignore_eos` there is no grammar. A grammar would keep the model from writing an unreadable call.
  const choice = await ask({ tools, ignore_eos: true, max_tokens: length }, broken);
  expect(choice).toMatchObject({ message: { content: broken }, finish_reason: "length" });
  expect(await unreadable()).toBe(before + 1);
});

describe("a worker whose settings name its template and defaults", () => {
  it("uses the format of this template", async () => {
    expect((await overridden.client.info()).chat).toMatchObject({ format: "gpt-oss", thinking: "always" });
    const prompts = await Promise.all(
      ["low", "high"].map(async (effort) => {
        const response = await overridden.post("/apply-template", { messages, reasoning_effort: effort });
        return ((await response.json()) as { prompt: string }).prompt;
      }),
    );
    expect(prompts[0]).toContain("Reasoning: low");
    expect(prompts[1]).toContain("Reasoning: high");
    const refused = await overridden.post("/v1/chat/completions", { messages, reasoning_effort: "none" });
    expect(await refused.text()).toContain("this model always thinks");
  });

  it("ends an answer at its default limits, unless the request sets other limits", async () => {
    const final = (text: string): string => `<|channel|>final<|message|>${text}`;
    const long = await ask({ max_tokens: undefined }, final(alphabet), overridden);
    expect(long).toMatchObject({ finish_reason: "length", tokens: 20 });
    expect((await ask({}, final(alphabet), overridden)).message).toMatchObject({ content: alphabet });
    const song = final("la ".repeat(40));
    expect((await ask({ repetition_limit: 0 }, song, overridden)).finish_reason).toBe("stop");
  });
});
