// Tests turns whose session, job id or choice of tools meets another request, an earlier try or a later step.
import { deferred } from "@waggle/async";
import type { CallOutcome } from "@waggle/mcp";
import { WaggleError } from "@waggle/protocol";
import type { StreamEvent } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { expect, it } from "vitest";
import { readEvents } from "../../testing/events.ts";
import { createInlineTools } from "../../testing/inline-tools.ts";
import type { InlineWorkerOptions } from "../../testing/inline-worker.ts";
import { call, say, useInlineTurns } from "../../testing/inline-turns.ts";
import { worksOf } from "../../testing/last-work.ts";

const turns = useInlineTurns();
const { start, request, ask } = turns;

function asking(text: string, more: object = {}): object {
  return { messages: [{ role: "user", content: say(text) }], temperature: 0, mcp_tools: "all", job_id: "j", ...more };
}

/** A worker whose calls wait for `go`. */
async function startHeld(outcome: CallOutcome, options: InlineWorkerOptions = {}) {
  const [reached, go] = [deferred<void>(), deferred<void>()];
  const tools = await createInlineTools(async () => {
    reached.resolve();
    await go.promise;
    return outcome;
  });
  turns.use(tools, options);
  return { reached, go };
}

it("a recorded message with a call for the client ends the turn after a restart too", async () => {
  await start();
  const own = { type: "function", function: { name: "own", parameters: { type: "object" } } };
  const body = asking(call("s__free", say("Free.")) + call("own", "y"), { tools: [own] });
  const ended = (await ask(body)).at(-1);
  expect(ended).toMatchObject({ message: { tool_calls: [{}, { function: { name: "own" } }] } });
  turns.use(await turns.tools.restart(() => ({ kind: "done", text: "again" })));
  const { type, finish_reason: reason, message } = ended as Extract<StreamEvent, { type: "end" }>;
  expect((await ask(body)).at(-1)).toMatchObject({ type, finish_reason: reason, message });
  expect(turns.tools.calls).toEqual([]);
});

it.each([
  [
    "/v1/inference",
    { job_id: "j", mcp_tools: "all", messages: [{ role: "user", content: say(call("s__free", "y")) }] },
  ],
  ["/v1/responses", { stream: true, input: say(call("s__free", "y")) }],
])("%s: only allowed tools may be called in later messages, and no call is required there", async (path, body) => {
  await start(() => ({ kind: "done", text: say("Done.") }));
  const own = { name: "own", parameters: { type: "object" } };
  const isNative = path === "/v1/inference";
  const allowed = { type: "function", function: { name: "s__free" } };
  const choice = isNative
    ? { type: "allowed_tools", allowed_tools: { mode: "required", tools: [allowed] } }
    : { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "s__free" }] };
  const given = isNative
    ? [{ type: "function", function: own }]
    : [
        { type: "function", ...own },
        { type: "mcp", server_label: "s" },
      ];
  const response = await request("POST", path, { temperature: 0, tools: given, tool_choice: choice, ...body });
  expect(await response.text()).toMatch(/Done\./);
  const grammars = worksOf(turns.worker).map((work) => ("answerGrammar" in work ? work.answerGrammar : undefined));
  expect(grammars).toEqual(Array.from({ length: 2 }, () => expect.stringContaining("s__free") as string));
  expect(grammars.join("\n")).not.toMatch(/\bown\b/);
});

it("a client that claims more tokens than a turn has gets the later events only, and the end", async () => {
  const { reached, go } = await startHeld({ kind: "tool_error", text: say("Over.") });
  await request("POST", "/v1/jobs", asking(call("s__free", "x"), { on_disconnect: "continue" }));
  await reached.promise;
  const stream = await request("GET", "/v1/jobs/j/stream?after=9999");
  go.resolve();
  const { events } = await readEvents(stream).rest();
  expect(events.every(({ type }) => type !== "token" && type !== "tool_call")).toBe(true);
  expect(events.at(-1)?.type).toBe("end");
});

it("continues when a client that was lost during a call sends its request again, with the result of that call", async () => {
  const [reached, go, clock] = [deferred<void>(), deferred<void>(), createFakeClock()];
  const tools = await createInlineTools(async () => {
    reached.resolve();
    await go.promise;
    return { kind: "done", text: say("Continued.") };
  });
  turns.use(tools, { clock });
  const body = asking(call("s__free", "x"));
  const lost = await request("POST", "/v1/inference", body);
  await reached.promise;
  await lost.body?.cancel();
  const stateOf = async (): Promise<unknown> => {
    clock.advance(1_000);
    return await (await request("GET", "/v1/jobs/j")).json();
  };
  await expect.poll(stateOf).toMatchObject({ state: "cancelled", cancelled_by: "disconnect" });
  const again = ask(body);
  go.resolve();
  const events = await again;
  expect(events.filter(({ type }) => type.startsWith("tool_"))).toMatchObject([
    { type: "tool_result", outcome: "done" },
  ]);
  expect(events.at(-1)).toMatchObject({ finish_reason: "stop", message: { content: "Continued." } });
  expect(turns.tools.calls).toHaveLength(1);
});

it("a turn fails and sends no call if the journal cannot record the message with its calls", async () => {
  const tools = await createInlineTools();
  const { journal } = tools.mcp;
  const begin: typeof journal.begin = async (...turn) => {
    const record = await journal.begin(...turn);
    return record && { ...record, addStep: async () => await Promise.reject(new WaggleError("unavailable", "Full.")) };
  };
  turns.use(tools, { mcp: { ...tools.mcp, journal: { ...journal, begin } } });
  expect((await ask(asking(call("s__free", "x")))).at(-1)).toMatchObject({
    type: "error",
    code: "unavailable",
    message: "Full.",
  });
  expect(turns.tools.calls).toEqual([]);
});

it("of equal requests that wait for a refused one, one is accepted, and the others join it", async () => {
  const [go, tools] = [deferred<void>(), await createInlineTools()];
  const { journal, servers } = tools.mcp;
  let begins = 0;
  const begin: typeof journal.begin = async (...turn) => {
    begins += 1;
    if (begins > 1) return await journal.begin(...turn);
    await go.promise;
    throw new WaggleError("unavailable", "Full.");
  };
  let lists = 0;
  const list: typeof servers.list = async (names) => {
    lists += 1;
    return await servers.list(names);
  };
  turns.use(tools, { mcp: { ...tools.mcp, servers: { ...servers, list }, journal: { ...journal, begin } } });
  const body = asking(call("s__free", say("Over.")), { on_disconnect: "continue" });
  const send = async (): Promise<Response> => await request("POST", "/v1/jobs", body);
  const first = send();
  await expect.poll(() => begins).toBe(1);
  const answers = [first, send(), send()];
  await expect.poll(() => lists).toBe(3);
  await new Promise((resolve) => setImmediate(resolve));
  go.resolve();
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([503, 202, 202]);
  expect(begins).toBe(2);
  const { registry, app } = turns.worker;
  await expect.poll(() => registry.liveCount).toBe(0);
  expect(app.calls?.held).toEqual({ sessions: 0, shares: 0, consents: 0, calls: 0 });
});

it.each(["addStep", "willSend"] as const)(
  "a request that is sent again while its ended job still waits for %s continues after that record",
  async (slow) => {
    const [reached, go, clock] = [deferred<void>(), deferred<void>(), createFakeClock()];
    const tools = await createInlineTools();
    const { journal } = tools.mcp;
    const log: string[] = [];
    const begin: typeof journal.begin = async (...turn) => {
      log.push("begin");
      const record = await journal.begin(...turn);
      if (record === undefined || log.length > 1) return record;
      return {
        ...record,
        async [slow](given: never) {
          reached.resolve();
          await go.promise;
          await record[slow](given);
          log.push(slow);
        },
        async addResult(...result) {
          log.push("result");
          await record.addResult(...result);
        },
        release() {
          log.push("release");
          record.release();
        },
      };
    };
    turns.use(tools, { clock, mcp: { ...tools.mcp, journal: { ...journal, begin } } });
    const body = asking(call("s__free", say("Over.")));
    const first = ask(body);
    await reached.promise;
    clock.advance(60_000);
    expect((await first).at(-1)).toMatchObject({ type: "error", code: "deadline_exceeded" });
    const again = ask(body);
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual(["begin"]);
    go.resolve();
    expect((await again).at(-1)).toMatchObject({ finish_reason: "stop", message: { content: "Over." } });
    expect(turns.tools.calls).toHaveLength(1);
    expect(log.filter((what) => what !== "begin")).toEqual(
      slow === "addStep" ? ["addStep", "release"] : ["willSend", "result", "release"],
    );
  },
);

it.each(["/v1/inference", "/v1/responses"])(
  "%s: sends no call for a request that is refused for too many streams",
  async (path) => {
    turns.use(await createInlineTools(), { maxStreamsPerClient: 1 });
    await request("POST", "/v1/inference", { messages: [{ role: "user", content: "A story." }], ignore_eos: true });
    const body =
      path === "/v1/inference"
        ? asking(call("s__free", "x"))
        : {
            stream: true,
            input: say(call("s__free", "x")),
            tools: [{ type: "mcp", server_label: "s" }],
            temperature: 0,
          };
    const accepted = worksOf(turns.worker).length;
    expect((await request("POST", path, body)).status).toBe(429);
    await new Promise((resolve) => setImmediate(resolve));
    expect(worksOf(turns.worker)).toHaveLength(accepted);
  },
);
