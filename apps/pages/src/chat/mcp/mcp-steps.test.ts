// Tests how calls and results become steps of an answer, and messages of the next request.
import type { ToolCallEvent, ToolResultEvent } from "@waggle/protocol";
import { expect, it } from "vitest";
import { messagesOfSteps, withToolEvent, type Stepping } from "./mcp-steps.ts";

const call = { index: 0, id: "c1", name: "s__t", arguments: "{}" };
const about = { stream_id: "j", call_id: "c1", server: "s", tool: "t" };
const asks: ToolCallEvent = { type: "tool_call", ...about, state: "waits_for_consent" };
const runs: ToolCallEvent = { type: "tool_call", ...about, state: "running" };
const result: ToolResultEvent = { type: "tool_result", ...about, outcome: "done", text: "x" };

it("moves a message with its calls to a step, and keeps the results there", () => {
  const answer: Stepping & { readonly id: string } = { text: "Look:", thoughts: "Hm.", calls: [call], id: "a" };
  const asking = withToolEvent(answer, asks);
  expect(asking).toEqual({
    id: "a",
    text: "",
    mcpSteps: [
      { text: "Look:", thoughts: "Hm.", calls: [{ ...call, server: "s", tool: "t" }], results: [], asks: "c1" },
    ],
  });
  const running = withToolEvent(asking, runs);
  expect(running.mcpSteps?.[0]?.asks).toBeUndefined();
  const done = withToolEvent(withToolEvent({ ...running, text: "And" }, result), result);
  expect(done.text).toBe("And");
  expect(done.mcpSteps?.[0]?.results).toEqual([{ callId: "c1", server: "s", tool: "t", outcome: "done", text: "x" }]);
});

it("has a result for each call in the next request, marked as data of its tool", () => {
  const other = { ...call, id: "c2" };
  const known = { callId: "c1", server: "s", tool: "t", outcome: "unknown" as const, text: "x" };
  const messages = messagesOfSteps([{ text: "", calls: [call, other], results: [known] }]);
  expect(messages).toMatchObject([
    { role: "assistant", content: null, tool_calls: [{ id: "c1" }, { id: "c2" }] },
    {
      role: "tool",
      tool_call_id: "c1",
      content: expect.stringMatching(/^Error of the tool "t" of the MCP server "s"/) as string,
    },
    { role: "tool", tool_call_id: "c2", content: "There is no result." },
  ]);
});
