// Tests turns on the native routes: the events of calls and results, consent, bounds, and what a request that is sent again finds.
import { once } from "node:events";
import type { EndEvent, McpServers, StreamEvent } from "@waggle/protocol";
import { deferred } from "@waggle/async";
import { expect, it } from "vitest";
import { readEvents } from "../../testing/events.ts";
import { serverTools } from "../../testing/inline-tools.ts";
import { call, say, useInlineTurns } from "../../testing/inline-turns.ts";

const turns = useInlineTurns();
const { start, request, ask } = turns;

function asking(text: string, more: object = {}): object {
  return { messages: [{ role: "user", content: say(text) }], temperature: 0, mcp_tools: "all", ...more };
}

function endOf(events: readonly StreamEvent[]): EndEvent {
  const end = events.at(-1);
  if (end?.type !== "end") throw new Error(`The stream ended with ${JSON.stringify(end)}`);
  return end;
}

const toolEvents = (events: readonly StreamEvent[]): StreamEvent[] =>
  events.filter(({ type }) => type.startsWith("tool_"));

it("runs the calls of an answer, and answers with their results", async () => {
  await start();
  const events = await ask(
    asking(`Look: ${call("s__free", say("Found it."))}${call("s__free", say("Found it."))}`, { job_id: "j" }),
  );
  expect(turns.tools.calls).toEqual([
    { tool: "free", given: { text: say("Found it.") } },
    { tool: "free", given: { text: say("Found it.") } },
  ]);
  const about = { stream_id: "j", server: "s", tool: "free" };
  expect(toolEvents(events)).toMatchObject([
    { type: "tool_call", ...about, state: "running" },
    { type: "tool_result", ...about, outcome: "done", text: say("Found it.") },
    { type: "tool_call", ...about, state: "running" },
    { type: "tool_result", ...about, outcome: "done", text: say("Found it.") },
  ]);
  expect(endOf(events)).toMatchObject({ finish_reason: "stop", message: { content: "Found it." } });
  const tokens = events.filter((event) => event.type === "token");
  expect(tokens.map(({ index }) => index)).toEqual(tokens.map((_, index) => index));
  expect(tokens.flatMap(({ part, call: called }) => (part === "call" ? [called?.index] : []))).toEqual([0, 1]);
  expect(events.every((event) => event.stream_id === "j")).toBe(true);
  const status = await (await request("GET", "/v1/jobs/j")).json();
  expect(status).toMatchObject({ job_id: "j", state: "finished", tokens: tokens.length, usage: endOf(events).usage });
  const line = { name: "test", job: "j", server: "s", tool: "free", outcome: "done", msg: "mcp_call" };
  expect(turns.worker.logLines).toContainEqual(expect.objectContaining(line));
});

it("waits for consent to a tool that the operator does not list, once or for the conversation", async () => {
  await start();
  const body = asking(call("s__asked", say("Done.")), { session_id: "talk" });
  const stream = async (id: string): Promise<ReturnType<typeof readEvents>> => {
    expect((await request("POST", "/v1/jobs", { ...body, job_id: id })).status).toBe(202);
    return readEvents(await request("GET", `/v1/jobs/${id}/stream`));
  };
  const waits = (event: StreamEvent): boolean => event.type === "tool_call" && event.state === "waits_for_consent";

  const refused = await stream("a");
  const asked = await refused.until(waits);
  const callId = (asked.at(-1) as { call_id: string }).call_id;
  expect((await request("POST", "/v1/jobs/a/consent", { call_id: "other", allow: "once" })).status).toBe(404);
  expect((await request("POST", "/v1/jobs/a/consent", { call_id: callId, allow: "no" })).status).toBe(204);
  const answered = await refused.until(({ type }) => type === "tool_result");
  expect(answered.at(-1)).toMatchObject({ outcome: "refused", text: expect.stringMatching(/refused/) as string });
  await request("DELETE", "/v1/jobs/a");
  expect(turns.tools.calls).toEqual([]);

  const allowed = await stream("b");
  const again = await allowed.until(waits);
  const id = (again.at(-1) as { call_id: string }).call_id;
  await request("POST", "/v1/jobs/b/consent", { call_id: id, allow: "conversation" });
  expect(endOf((await allowed.rest()).events).message?.content).toBe("Done.");
  expect(turns.tools.calls).toHaveLength(1);

  const third = (await (await stream("c")).rest()).events;
  expect(toolEvents(third)).toMatchObject([{ state: "running" }, { outcome: "done" }]);
  expect(turns.tools.calls).toHaveLength(2);
});

it("continues after a restart: a call with a result is not repeated, and one without is unknown", async () => {
  const reached = deferred<void>();
  await start(async (_, { text }, signal) => {
    if (text !== "second") return { kind: "done", text: say(call("s__free", "second")) };
    reached.resolve();
    await once(signal, "abort");
    return { kind: "unknown", text: "Aborted." };
  });
  const body = asking(call("s__free", "first"), { job_id: "j" });
  await request("POST", "/v1/jobs", body);
  await reached.promise;

  // The process dies here. The next process has only the journal.
  turns.use(await turns.tools.restart(() => ({ kind: "done", text: say("Over.") })));
  const { events } = await readEvents(await request("POST", "/v1/inference", body)).rest();
  // The model makes the call without a result again, in a separate message.
  expect(turns.tools.calls).toEqual([{ tool: "free", given: { text: "second" } }]);
  expect(toolEvents(events)).toMatchObject([
    { type: "tool_result", outcome: "done" },
    {
      type: "tool_result",
      outcome: "unknown",
      text: expect.stringMatching(/Whether the tool ran is unknown/) as string,
    },
    { type: "tool_call", state: "running" },
    { type: "tool_result", outcome: "done" },
  ]);
  expect(endOf(events).message?.content).toBe("Over.");
  const other = await request("POST", "/v1/inference", { ...body, seed: 9 });
  expect(other.status).toBe(409);
});

it("lists servers and tools, and refuses unknown tools and requests without messages", async () => {
  await start();
  const servers = await (await request("POST", "/v1/mcp/servers")).json();
  expect(await (await request("GET", "/v1/mcp/servers")).json()).toEqual(servers);
  expect(servers).toEqual({
    servers: [
      {
        name: "s",
        state: "ready",
        tools: [
          { name: "s__free", tool: "free", description: "Tool free", needs_consent: false },
          { name: "s__asked", tool: "asked", description: "Tool asked", needs_consent: true },
        ],
        left_out: ["odd name"],
      },
    ],
  });
  const unknown = await request("POST", "/v1/jobs", asking("x", { mcp_tools: ["s__free", "s__none"] }));
  expect(await unknown.text()).toMatch(/field \\"mcp_tools\.1\\": there is no MCP tool \\"s__none\\"/);
  const plain = await request("POST", "/v1/jobs", { prompt: "x", mcp_tools: "all" });
  expect(await plain.text()).toMatch(/mcp_tools.*needs messages/);
  turns.use(turns.tools, { mcp: undefined });
  expect(await (await request("POST", "/v1/jobs", asking("x"))).text()).toMatch(/no MCP servers \(--mcp-config\)/);
  expect(await (await request("POST", "/v1/mcp/servers")).json()).toEqual({ servers: [] });
});

it("counts what the tools add to a prompt of a loaded model", async () => {
  await start();
  const { model } = (await (await request("GET", "/v1/info")).json()) as { model: string };
  const listed = (await (await request("GET", `/v1/mcp/servers?model=${model}`)).json()) as McpServers;
  const each = listed.servers.flatMap(({ tools }) => tools.map(({ tokens = 0 }) => tokens));
  const tools = serverTools.map(({ functionName, description, parameters }) => ({
    ...{ name: functionName, description, input_schema: parameters },
  }));
  const count = async (offered: readonly object[]): Promise<number> => {
    const body = { model, max_tokens: 1, messages: [{ role: "user", content: "Hello" }], tools: offered };
    const counted = await request("POST", "/v1/messages/count_tokens", body);
    return ((await counted.json()) as { input_tokens: number }).input_tokens;
  };
  const sum = each.reduce((a, b) => a + b, listed.shared_tokens ?? 0);
  expect(Math.min(...each)).toBeGreaterThan(0);
  expect((await count(tools)) - (await count([]))).toBe(sum);
  turns.use(turns.tools, { loadLater: true });
  expect(await (await request("GET", `/v1/mcp/servers?model=${model}`)).text()).not.toContain("tokens");
});
