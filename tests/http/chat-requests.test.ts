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

/** The end event of a native stream. */
async function endOf(body: Body, say: Script, from = worker): Promise<Body> {
  await from.prepare({ body: { messages, ...body }, say });
  for await (const event of from.client.inference({ messages: messages as never, temperature: 0, ...body })) {
    if (event.type === "end") return event;
  }
  throw new Error("The stream had no end");
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
const asked = { function: { name: "get_weather", arguments: '{"city": "Zürich", "days": 2}' } };

describe("a request", () => {
  it.each<[name: string, body: Body, say: Script, message: Body, reason?: string]>([
    ["gets the model's thoughts", {}, `${thinking}Yes.`, { content: "Yes.", reasoning_content: "Hm." }],
    ["switches thoughts off", { enable_thinking: false }, "Yes.", { content: "Yes." }],
    ["switches them on", { enable_thinking: true }, `${thinking}Yes.`, { content: "Yes.", reasoning_content: "Hm." }],
    ["asks for no reasoning effort", { reasoning_effort: "none" }, "Yes.", { content: "Yes." }],
    ["sets a variable of the template", { chat_template_kwargs: { enable_thinking: false } }, "A.", { content: "A." }],
    ["may be answered with a call", { tools }, asking, { content: null, tool_calls: [asked] }, "tool_calls"],
    ["may be answered with words", { tools }, "It rains.", { content: "It rains." }],
    ["may be answered with both", { tools }, `So:\n${reading}`, { content: "So:", tool_calls: [read] }, "tool_calls"],
    ["may be answered with two calls", { tools }, `${reading}\n${asking}`, { tool_calls: [read, asked] }, "tool_calls"],
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
      "continues the last message",
      { messages: [...messages, { role: "assistant", content: "It rains in" }], continue_final_message: true },
      " Zürich.",
      { content: " Zürich." },
    ],
    [
      "continues a thought",
      {
        messages: [...messages, { role: "assistant", content: "", reasoning_content: "I th" }],
        continue_final_message: true,
      },
      "ink.\n</think>\n\nYes.",
      { content: "Yes.", reasoning_content: "ink." },
    ],
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
    [
      "gets a marker as text if the model writes it in bytes",
      {},
      [{ token: "<think>" }, { text: "\nNo </think> here.\n" }, { token: "</think>" }, { text: "\n\n<tool_call> it." }],
      { content: "<tool_call> it.", reasoning_content: "No </think> here." },
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

describe("a budget of thoughts", () => {
  const closing = "\n</think>\n\n";
  // The script has a letter for each position. Text that the worker inserts replaces the letters at its positions.
  const lettersAfter = (thought: number): string => alphabet.slice(thought + worker.model.tokenize(closing).length);

  it.each([5, 12])("of %d tokens ends the thought after that many tokens, and the answer begins", async (budget) => {
    const script = `<think>${alphabet}`;
    const choice = await ask({ thinking_budget_tokens: budget }, script);
    // The first token of the budget is the marker.
    const thought = alphabet.slice(0, budget - 1);
    expect(choice.message).toMatchObject({ reasoning_content: thought, content: lettersAfter(budget - 1) });
    expect(choice.tokens).toBe(worker.model.tokenize(script).length + 1);
  });

  it("of 0 tokens ends the thought at once", async () => {
    const { message } = await ask({ thinking_budget_tokens: 0 }, `<think>${alphabet}`);
    expect(message).toEqual({ role: "assistant", content: lettersAfter(0), refusal: null });
  });

  it("affects neither a shorter thought nor the content", async () => {
    const { message } = await ask({ thinking_budget_tokens: 20 }, `${thinking}${alphabet}${alphabet}`);
    expect(message).toMatchObject({ reasoning_content: "Hm.", content: alphabet + alphabet });
  });
});

describe("an answer", () => {
  it("that is cut within a call has the finish reason length, and no content", async () => {
    const upToCut = worker.model.tokenize(asking.slice(0, asking.indexOf("rich"))).length;
    const choice = await ask({ tools, max_tokens: upToCut }, asking);
    expect(choice.finish_reason).toBe("length");
    expect(choice.message).toMatchObject({ content: null, tool_calls: [{ function: { arguments: '{"city": "Zü' } }] });
    expect(await endOf({ tools, max_tokens: upToCut }, asking)).toMatchObject({
      finish_reason: "length",
      message: {
        content: null,
        tool_calls: [{ function: { name: "get_weather", arguments: '{"city": "Zü' }, cut: true }],
      },
    });
  });

  it("with an unreadable call is returned as content, and counted", async () => {
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

  it("that repeats itself is ended", async () => {
    const song = `So: ${"Row, row, row your boat. ".repeat(20)}`;
    const sung = "So: Row, row, row your boat. Row, row, row your boat. Row, row, row your boat.";
    const choice = await ask({ repetition_limit: 3 }, song);
    expect(choice).toMatchObject({
      finish_reason: "length",
      message: { content: expect.stringContaining(sung) as string },
    });
    expect((choice.message["content"] as string).length).toBeLessThan(sung.length + 30);
    expect(await endOf({ repetition_limit: 3 }, song)).toMatchObject({
      finish_reason: "length",
      stopped_by: "repetition",
    });
    expect((await ask({ max_tokens: 600 }, song)).message["content"]).toBe(song);
  });
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
    expect((await endOf({ max_tokens: 300 }, song, overridden))["stopped_by"]).toBe("repetition");
    expect((await ask({ repetition_limit: 0 }, song, overridden)).finish_reason).toBe("stop");
  });
});
