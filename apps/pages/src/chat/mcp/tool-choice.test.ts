// Tests which tools are on after a change of the menu, which are gone, and what they cost.
import { expect, it } from "vitest";
import { readSettings } from "../conversation/read-conversation.ts";
import { settingsInRequest } from "../settings/settings.ts";
import { costOf, countOn, goneTools, withTools, type McpServer } from "./tool-choice.ts";

function server(name: string, tools: readonly string[], state: McpServer["state"] = "ready"): McpServer {
  const listed = tools.map((tool) => ({
    name: `${name}__${tool}`,
    tool,
    description: "",
    needs_consent: true,
    tokens: 9,
  }));
  return { name, state, tools: listed, left_out: [] };
}
const servers = [server("a", ["x", "y"]), server("b", ["z"]), server("late", [], "connecting")];

it("turns tools on and off, also after all were on", () => {
  const off = withTools(true, servers, { names: ["a__x"], on: false });
  expect(off).toEqual(["a__y", "b__z"]);
  const on = withTools(off, servers, { names: ["a__x", "a__y"], on: true });
  expect(on).toEqual(["b__z", "a__x", "a__y"]);
  expect(withTools(["b__z"], servers, { names: ["b__z"], on: false })).toBeUndefined();
});

it("counts no tool that is gone, and waits for servers that connect", () => {
  const choice = ["a__x", "a__gone", "late__t", "other__t"];
  expect(goneTools(choice, servers)).toEqual(["a__gone", "other__t"]);
  expect(goneTools(choice, undefined)).toEqual([]);
  expect(countOn(choice, servers)).toBe(2);
  expect(countOn(true, servers)).toBe(3);
});

it("adds the text around the tools once, and knows no cost before the worker has counted", () => {
  expect(costOf(["a__x", "b__z"], { servers, shared_tokens: 100 })).toBe(118);
  expect(costOf(["a__x"], { servers })).toBeUndefined();
  expect(costOf(undefined, { servers, shared_tokens: 100 })).toBeUndefined();
});

it("is read from storage and sent, as names or as all tools", () => {
  const sent = (mcpTools: unknown): unknown =>
    settingsInRequest(readSettings({ system: "", sampling: {}, mcpTools }, "settings"), undefined).mcp_tools;
  expect([sent(true), sent(["a__x"]), sent(undefined)]).toEqual(["all", ["a__x"], undefined]);
  expect(() => sent([1])).toThrow('settings has an invalid "mcpTools"');
});
