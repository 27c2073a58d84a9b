import { genericFormat, type ChatFormat } from "@waggle/chat-format/format";
import type { ResponseRequest } from "@waggle/protocol";
import { expect, test } from "vitest";
import { formatWith, levels, switchable } from "../../testing/chat-formats.ts";
import { conversationOfRequest, echoOf } from "./request.ts";
import { toolboxOf } from "./tools.ts";

const switchedByEffort = formatWith(
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
  ["OpenAI's lowest level, which templates do not know", "minimal", levels, { reasoning_effort: "low" }, "minimal"],
  ["a name that plain objects inherit", "constructor", levels, { reasoning_effort: "constructor" }, "constructor"],
  ["none, for a model that never thinks", "none", genericFormat, {}, null],
  ["a level, for a model that only switches thinking on or off", "low", switchable, { enable_thinking: true }, "low"],
  ["none, for a model that only switches thinking on or off", "none", switchable, { enable_thinking: false }, "none"],
  [
    "a level, for a model whose switch is called reasoning_effort",
    "low",
    switchedByEffort,
    { enable_thinking: true },
    "low",
  ],
  ["a level, for a model that never thinks", "high", genericFormat, {}, null],
])("an effort becomes a setting of the template: %s", async (_, effort, chatFormat, options, told) => {
  const body: ResponseRequest = { reasoning: { effort } };
  expect(await optionsOf(body, chatFormat)).toEqual(options);
  expect((await echoOf(body, knowing(chatFormat)))["reasoning"]).toEqual({ effort: told, summary: null });
});

test("an effort of none is refused by a model that always thinks", async () => {
  const body: ResponseRequest = { reasoning: { effort: "none" } };
  await expect(optionsOf(body, levels)).rejects.toThrow(/"reasoning.effort".*always thinks/);
});

test("without an effort, the request does not need the model's format, which is unknown before the load", async () => {
  const chatFormat = (): never => {
    throw new Error("unknown");
  };
  expect((await echoOf({}, { chatFormat }))["reasoning"]).toEqual({ effort: null, summary: null });
});
