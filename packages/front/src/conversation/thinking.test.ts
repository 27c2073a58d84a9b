import { genericFormat, type ChatFormat } from "@waggle/chat-format/format";
import { describe, expect, it } from "vitest";
import { formatWith, levels, thinkingSwitch } from "../testing/chat-formats.ts";
import { templateVariables, type ThinkingFields } from "./thinking.ts";

const switchable = formatWith({ thinking: "switchable", thinkingSwitch }, ["enable_thinking", "documents"]);

describe("thinking fields", () => {
  it.each<[string, ThinkingFields, ChatFormat, object]>([
    ["the switch of the model's family", { enable_thinking: false }, switchable, { enable_thinking: false }],
    ["effort none turns thinking off", { reasoning_effort: "none" }, switchable, { enable_thinking: false }],
    [
      "a switch with other values",
      { enable_thinking: true },
      formatWith({ thinking: "switchable", thinkingSwitch: { name: "mode", on: "yes", off: "no" } }),
      { mode: "yes" },
    ],
    ["a level switches a model without levels on", { reasoning_effort: "high" }, switchable, { enable_thinking: true }],
    [
      "a level yields to the switch",
      { enable_thinking: false, reasoning_effort: "low" },
      switchable,
      { enable_thinking: false },
    ],
    ["a level is ignored by a model that never thinks", { reasoning_effort: "high" }, genericFormat, {}],
    ["an effort level", { reasoning_effort: "low" }, levels, { reasoning_effort: "low" }],
    [
      "a variable that the template reads",
      { chat_template_kwargs: { documents: [1] } },
      switchable,
      { documents: [1] },
    ],
    ["on for a model that always thinks", { enable_thinking: true }, levels, {}],
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
    ["on by kwargs for a model that always thinks", { chat_template_kwargs: { thinking: true } }, levels, {}],
    ["off for a model without thinking", { enable_thinking: false, reasoning_effort: "none" }, genericFormat, {}],
    [
      "null means absent",
      { enable_thinking: null, reasoning_effort: null, chat_template_kwargs: null },
      genericFormat,
      {},
    ],
  ])("%s", (_, fields, of, variables) => {
    expect(templateVariables(fields, of)).toEqual(variables);
  });

  it.each<[string, ThinkingFields, ChatFormat, RegExp]>([
    ["on for a model without thinking", { enable_thinking: true }, genericFormat, /"enable_thinking".*does not think/],
    ["off for a model that always thinks", { enable_thinking: false }, levels, /"enable_thinking".*always thinks/],
    [
      "a variable that the template does not read",
      { chat_template_kwargs: { colour: 1 } },
      switchable,
      /"chat_template_kwargs.colour".*does not read it/,
    ],
    [
      "off by kwargs for a model that always thinks",
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
      "a switch with a value that is not boolean",
      { chat_template_kwargs: { thinking: "yes" } },
      switchable,
      /"chat_template_kwargs.thinking".*does not read it/,
    ],
    [
      "two switches that disagree",
      { chat_template_kwargs: { thinking: true, enable_thinking: false } },
      switchable,
      /"chat_template_kwargs.enable_thinking".*contradicts it/,
    ],
    [
      "one of ours",
      { chat_template_kwargs: { messages: [] } },
      switchable,
      /"chat_template_kwargs.messages".*other fields/,
    ],
    [
      "a variable that the worker sets",
      { chat_template_kwargs: { messages: [] } },
      switchable,
      /"chat_template_kwargs.messages"/,
    ],
    [
      "a field and a variable that disagree",
      { enable_thinking: true, chat_template_kwargs: { enable_thinking: false } },
      switchable,
      /contradicts it/,
    ],
  ])("are rejected with the field's name: %s", (_, fields, of, message) => {
    expect(() => templateVariables(fields, of)).toThrow(message);
  });
});
