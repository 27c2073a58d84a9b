import { genericFormat, type ChatFormat } from "@waggle/chat-format/format";
import { describe, expect, it } from "vitest";
import { templateVariables, type ThinkingFields } from "./thinking.ts";

const format = (abilities: Partial<ChatFormat["abilities"]>, variables: readonly string[] = []): ChatFormat => ({
  ...genericFormat,
  abilities: { ...genericFormat.abilities, ...abilities },
  inputs: { ...genericFormat.inputs, variables },
});
const switchable = format(
  { thinking: "switchable", thinkingSwitch: { name: "enable_thinking", on: true, off: false } },
  ["enable_thinking", "documents"],
);
const levels = format({ thinking: "always" }, ["reasoning_effort"]);

describe("fields about thoughts", () => {
  it.each<[string, ThinkingFields, ChatFormat, object]>([
    ["the family's own switch", { enable_thinking: false }, switchable, { enable_thinking: false }],
    ["no effort is no thought", { reasoning_effort: "none" }, switchable, { enable_thinking: false }],
    [
      "a switch of other words",
      { enable_thinking: true },
      format({ thinking: "switchable", thinkingSwitch: { name: "mode", on: "yes", off: "no" } }),
      { mode: "yes" },
    ],
    ["a level as it is", { reasoning_effort: "low" }, levels, { reasoning_effort: "low" }],
    ["what the template reads", { chat_template_kwargs: { documents: [1] } }, switchable, { documents: [1] }],
    ["what is so anyway: on", { enable_thinking: true }, levels, {}],
    [
      "the switch under another name",
      { chat_template_kwargs: { thinking: false } },
      switchable,
      { enable_thinking: false },
    ],
    [
      "off by kwargs for a model without thinking",
      { chat_template_kwargs: { enable_thinking: false } },
      genericFormat,
      {},
    ],
    ["on by kwargs where they always come", { chat_template_kwargs: { thinking: true } }, levels, {}],
    ["what is so anyway: off", { enable_thinking: false, reasoning_effort: "none" }, genericFormat, {}],
    [
      "null as nothing",
      { enable_thinking: null, reasoning_effort: null, chat_template_kwargs: null },
      genericFormat,
      {},
    ],
  ])("%s", (_, fields, of, variables) => {
    expect(templateVariables(fields, of)).toEqual(variables);
  });

  it.each<[string, ThinkingFields, ChatFormat, RegExp]>([
    ["on for a model without thinking", { enable_thinking: true }, genericFormat, /"enable_thinking".*does not think/],
    ["off where they always come", { enable_thinking: false }, levels, /"enable_thinking".*always thinks/],
    ["levels for a model without levels", { reasoning_effort: "high" }, switchable, /"reasoning_effort".*no levels/],
    [
      "a variable that the template does not read",
      { chat_template_kwargs: { colour: 1 } },
      switchable,
      /"chat_template_kwargs.colour".*does not read it/,
    ],
    [
      "off by kwargs where they always come",
      { chat_template_kwargs: { enable_thinking: false } },
      levels,
      /"chat_template_kwargs.enable_thinking".*always thinks/,
    ],
    [
      "on by kwargs for a model without thinking",
      { chat_template_kwargs: { enable_thinking: true } },
      genericFormat,
      /"chat_template_kwargs.enable_thinking".*does not think/,
    ],
    [
      "a switch that is no switch",
      { chat_template_kwargs: { thinking: "yes" } },
      switchable,
      /"chat_template_kwargs.thinking".*does not read it/,
    ],
    [
      "two names that disagree",
      { chat_template_kwargs: { thinking: true, enable_thinking: false } },
      switchable,
      /"chat_template_kwargs.enable_thinking".*says otherwise/,
    ],
    [
      "one of ours",
      { chat_template_kwargs: { messages: [] } },
      switchable,
      /"chat_template_kwargs.messages".*other fields/,
    ],
    [
      "two that disagree",
      { enable_thinking: true, chat_template_kwargs: { enable_thinking: false } },
      switchable,
      /says otherwise/,
    ],
  ])("are refused by name: %s", (_, fields, of, message) => {
    expect(() => templateVariables(fields, of)).toThrow(message);
  });
});
