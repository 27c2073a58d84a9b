import { describe, expect, test } from "vitest";
import { formatWith, levels, switchable } from "../../testing/chat-formats.ts";
import { thinkingOptions } from "./think.ts";

const always = formatWith({ thinking: "always" });
const never = formatWith({ thinking: "never" });

describe("think", () => {
  test.each([
    ["absent", undefined, switchable, { enable_thinking: true }],
    ["true", true, switchable, { enable_thinking: true }],
    ["false", false, switchable, { enable_thinking: false }],
    ["a level", "low", switchable, { enable_thinking: true }],
    ["absent, for a model that always thinks", null, always, {}],
    ["false, for a model that always thinks", false, always, { thinking_budget_tokens: 0 }],
    ["a level, for a model with effort levels", "high", levels, { reasoning_effort: "high" }],
    ["absent, for a model that never thinks", undefined, never, {}],
    ["false, for a model that never thinks", false, never, {}],
  ] as const)("%s", (_, think, model, options) => {
    expect(thinkingOptions(think, model, "m")).toEqual(options);
  });

  test.each([true, "low"] as const)("%s is refused for a model that never thinks", (think) => {
    expect(() => thinkingOptions(think, never, "m")).toThrow('"m" does not support thinking');
  });
});
