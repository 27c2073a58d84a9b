import { genericFormat, type ChatFormat } from "@waggle/chat-format/format";
import { ResponseRequestSchema } from "@waggle/protocol";
import type { ResponseRequest } from "@waggle/protocol";
import { expect, test } from "vitest";
import { conversationOfRequest, echoOf } from "./request.ts";
import { toolboxOf } from "./tools.ts";

const format = (abilities: Partial<ChatFormat["abilities"]>, variables: readonly string[] = []): ChatFormat => ({
  ...genericFormat,
  abilities: { ...genericFormat.abilities, ...abilities },
  inputs: { ...genericFormat.inputs, variables },
});
const levels = format({ thinking: "always" }, ["reasoning_effort"]);
const switched = format({ thinking: "switchable", thinkingSwitch: { name: "enable_thinking", on: true, off: false } });
const switchedByEffort = format(
  { thinking: "switchable", thinkingSwitch: { name: "reasoning_effort", on: "high", off: "none" } },
  ["reasoning_effort"],
);

function knowing(format: ChatFormat): { chatFormat: () => Promise<ChatFormat> } {
  return { chatFormat: () => Promise.resolve(format) };
}

async function optionsOf(body: ResponseRequest, chatFormat: ChatFormat): Promise<object> {
  const toolbox = toolboxOf(body.tools, body.tool_choice);
  return (await conversationOfRequest(body, [], toolbox, knowing(chatFormat))).options;
}

test.each([
  ["a level", "low", levels, { reasoning_effort: "low" }, "low"],
  ["a level that templates do not know", "xhigh", levels, { reasoning_effort: "high" }, "xhigh"],
  ["the least one, which templates do not know", "minimal", levels, { reasoning_effort: "low" }, "minimal"],
  ["none, of a model that never thinks", "none", genericFormat, {}, null],
  ["a level, of a model that is on or off", "low", switched, { enable_thinking: true }, "low"],
  ["none, of a model that is on or off", "none", switched, { enable_thinking: false }, "none"],
  ["a level, where the switch has its name", "low", switchedByEffort, { enable_thinking: true }, "low"],
  ["a level, of a model that does not think", "high", genericFormat, {}, null],
])("an effort: %s", async (_, effort, chatFormat, options, told) => {
  const body: ResponseRequest = { reasoning: { effort } };
  expect(await optionsOf(body, chatFormat)).toEqual(options);
  expect((await echoOf(body, knowing(chatFormat)))["reasoning"]).toEqual({ effort: told, summary: null });
});

test("an effort of none is refused by a model that always thinks", async () => {
  const body: ResponseRequest = { reasoning: { effort: "none" } };
  await expect(optionsOf(body, levels)).rejects.toThrow(/"reasoning.effort".*always thinks/);
});

test("thoughts are switched in the words that all dialects share as well", async () => {
  const body: ResponseRequest = { enable_thinking: false, chat_template_kwargs: { documents: [] } };
  expect(await optionsOf(body, switched)).toEqual({ enable_thinking: false, chat_template_kwargs: { documents: [] } });
});

test("without an effort the model's format is not read, which is unknown before it has been loaded", async () => {
  const chatFormat = (): never => {
    throw new Error("unknown");
  };
  expect((await echoOf({}, { chatFormat }))["reasoning"]).toEqual({ effort: null, summary: null });
});

test.each([
  [undefined, undefined],
  [{ type: "text" } as const, undefined],
  [{ type: "json_object" } as const, { value: { type: "object" }, field: "text.format" }],
  [
    { type: "json_schema", name: "x", schema: { type: "array" } } as const,
    { value: { type: "array" }, field: "text.format.schema" },
  ],
])("the schema of the format %j", async (wanted, schema) => {
  const context = knowing(genericFormat);
  const body = wanted === undefined ? {} : { text: { format: wanted } };
  const conversation = await conversationOfRequest(body, [], toolboxOf(undefined, undefined), context);
  expect(conversation.schema).toEqual(schema);
});

test("the temperature and top_p of no wish are OpenAI's", async () => {
  const context = knowing(genericFormat);
  expect(await echoOf({}, context)).toMatchObject({ temperature: 1, top_p: 1 });
  expect(await echoOf({ temperature: 0, top_p: 0.5 }, context)).toMatchObject({ temperature: 0, top_p: 0.5 });
});

test("the fields that Codex always sends are accepted, and the offered tools are repeated", async () => {
  const body = ResponseRequestSchema.parse({
    model: "gpt-5",
    input: [{ type: "message", id: "msg_1", role: "user", content: [{ type: "input_text", text: "hi" }] }],
    tools: [
      { type: "function", name: "exec_command", description: "d", strict: false, parameters: { type: "object" } },
      { type: "web_search", external_web_access: false },
    ],
    tool_choice: "auto",
    parallel_tool_calls: true,
    reasoning: { summary: "auto" },
    store: false,
    stream: true,
    include: ["reasoning.encrypted_content"],
    prompt_cache_key: "01a1",
    text: { verbosity: "low" },
    client_metadata: { session_id: "01a1" },
  });
  expect(await optionsOf(body, genericFormat)).toMatchObject({ tool_choice: "auto", parallel_tool_calls: true });
  expect(await echoOf(body, knowing(genericFormat))).toMatchObject({
    tools: [{ type: "function", name: "exec_command" }],
    store: false,
    text: { format: { type: "text" } },
    truncation: "disabled",
  });
});
