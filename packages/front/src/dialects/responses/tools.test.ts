import type { ResponseTool } from "@waggle/protocol";
import { expect, test } from "vitest";
import { toFunctionName, toolboxOf } from "./tools.ts";

const tools: readonly ResponseTool[] = [
  { type: "server" },
  { type: "function", name: "plain", parameters: { type: "object" }, strict: true },
  { type: "namespace", name: "mcp__files__", tools: [{ type: "function", name: "read" }] },
  { type: "namespace", name: "agents", tools: [{ type: "custom", name: "tell" }] },
];

test("a namespace goes into the name and out of it again", () => {
  const { functions, fromFunctionName } = toolboxOf(tools, undefined);
  const names = functions.map(({ function: { name } }) => name);
  expect(names).toEqual(["plain", "mcp__files__read", "agents__tell"]);
  expect(names.map(fromFunctionName)).toEqual([
    { type: "function", name: "plain", namespace: undefined },
    { type: "function", name: "read", namespace: "mcp__files__" },
    { type: "custom", name: "tell", namespace: "agents" },
  ]);
  expect(toFunctionName({ name: "tell", namespace: "agents" })).toBe("agents__tell");
  expect(fromFunctionName("unheard_of")).toEqual({ type: "function", name: "unheard_of" });
});

test("a schema is named by where the request has it", () => {
  const { fieldOf } = toolboxOf(tools, undefined);
  expect([0, 1, 2].map(fieldOf)).toEqual([
    "tools.1.parameters",
    "tools.2.tools.0.parameters",
    "tools.3.tools.0.parameters",
  ]);
});

test("a choice is of a name as the model knows it", () => {
  const choice = { type: "custom", name: "tell", namespace: "agents" } as const;
  expect(toolboxOf(tools, choice).choice).toEqual({ type: "function", function: { name: "agents__tell" } });
  expect(toolboxOf([{ type: "server" }], "auto").choice).toBeUndefined();
});

test("what is allowed stands among all that is on offer", () => {
  const allowed = (mode: "auto" | "required", ...names: { type: string; name?: string; namespace?: string }[]) =>
    toolboxOf(tools, { type: "allowed_tools", mode, tools: names });
  const { functions, choice } = allowed(
    "required",
    { type: "web_search" },
    { type: "custom", name: "tell", namespace: "agents" },
  );
  expect(functions).toHaveLength(3);
  const tell = { type: "function", function: { name: "agents__tell" } };
  expect(choice).toEqual({ type: "allowed_tools", allowed_tools: { mode: "required", tools: [tell] } });
  expect(allowed("auto", { type: "web_search" }).choice).toBe("none");
  expect(() => allowed("required", { type: "web_search" })).toThrow('"tool_choice"');
});
