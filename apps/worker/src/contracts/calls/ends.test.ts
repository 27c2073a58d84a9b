// Tests each end of a job with tools in each of its phases: the terminal event, that no call is sent afterwards, that the result of a running call is
// recorded and not used, and that the worker holds nothing afterwards.
import type { CancelledBy } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { answer, callPhases, callsTimeoutMs, useCallPhases } from "../../testing/call-phases.ts";
import type { Asking, CallPhase } from "../../testing/call-phases.ts";

const phases = useCallPhases();
const { reach, request, release, finish, held, recorded } = phases;

const nothing = { jobs: 0, running: 0, waiting: 0, quota: 0, pictures: 0, streams: 0 };
const newer = JSON.stringify({ prompt: "[eog:1]", session_id: "talk", job_id: "newer" });

interface End {
  readonly asking?: Asking;
  /** Begins the end. Its promise may need `release`. */
  end(response: Response): Promise<unknown> | void;
  readonly terminal: object;
}

const cancelled = (by: CancelledBy): object => ({ type: "end", finish_reason: "cancelled", cancelled_by: by });
const failed = (code: string, message: RegExp): object => ({
  ...{ type: "error", code },
  message: expect.stringMatching(message) as string,
});
const leaving = { on_disconnect: "cancel" };

const ends: Readonly<Record<string, End>> = {
  "the client's cancel": {
    end: async () => await request("alice", "DELETE", "/v1/jobs/j"),
    terminal: cancelled("client"),
  },
  "an operator's cancel": {
    end: async () => await request("root", "DELETE", "/v1/jobs/j?client=alice"),
    terminal: cancelled("operator"),
  },
  "a newer request of its session": {
    end: async () => await request("alice", "POST", "/v1/jobs", newer),
    terminal: cancelled("superseded"),
  },
  "a lost connection": {
    asking: { path: "/v1/inference", body: { ...leaving, job_id: undefined } },
    end: async ({ body }) => await body?.cancel(),
    terminal: cancelled("disconnect"),
  },
  "a lost connection and its grace time": {
    asking: { path: "/v1/inference", body: leaving },
    async end({ body }) {
      await body?.cancel();
      expect(phases.worker.registry.get("alice", "j")?.log.terminal).toBeUndefined();
      phases.clock.advance(5_000);
    },
    terminal: cancelled("disconnect"),
  },
  "no reader in time": {
    asking: { body: leaving },
    end: () => phases.clock.advance(30_000),
    terminal: cancelled("unclaimed"),
  },
  "its deadline": {
    asking: { body: { deadline_ms: 40_000 } },
    end: () => phases.clock.advance(40_000),
    terminal: failed("deadline_exceeded", /deadline of 40000 ms has passed/),
  },
  "the time limit of jobs with tools": {
    end: () => phases.clock.advance(callsTimeoutMs),
    terminal: failed("deadline_exceeded", /--mcp-turn-timeout/),
  },
  "the worker's abort": {
    end: () => phases.worker.host.abort(),
    terminal: failed("unavailable", /aborted: the worker is leaving/),
  },
};

describe.each(Object.entries(ends))("%s", (_, { asking, end, terminal }) => {
  it.each(callPhases)("ends a job: %s", async (phase) => {
    const { job, response } = await reach(phase, asking);
    expect(phases.worker.app.pictureBytes).toBeGreaterThan(0);
    const sent = phases.tools.calls.length;
    const ending = end(response);
    await expect.poll(() => job.state.phase.name).toMatch(/^end(ing|ed)$/);
    release();
    await ending;
    await job.ended.promise;
    expect(job.log.terminal).toMatchObject(terminal);
    await phases.vacate();
    await phases.worker.dispatcher.idle();
    // A job that still waited for its minute would continue now.
    phases.clock.advance(callsTimeoutMs);
    await expect.poll(held).toEqual(nothing);
    expect(phases.tools.calls).toHaveLength(sent);
    expect(job.log.marks.some(({ event }) => event.type === "tool_result")).toBe(isAfterCall(phase));
    const isAborted =
      phase === "in a call" && "cancelled_by" in terminal && /client|operator/.test(String(terminal.cancelled_by));
    if (sent > 0) await expect.poll(async () => (await recorded(job))?.kind).toBe(isAborted ? "unknown" : "done");
    else expect(await recorded(job)).toBeUndefined();
  });
});

const isAfterCall = (phase: CallPhase): boolean => callPhases.indexOf(phase) > callPhases.indexOf("in a call");

it.each(callPhases)("an older request of its session that comes late does not end a job: %s", async (phase) => {
  let send: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({ start: (controller) => void (send = controller) });
  let late: Promise<Response> | undefined;
  const { job } = await reach(phase, { before: () => void (late = request("alice", "POST", "/v1/jobs", body)) });
  const older = JSON.stringify({ prompt: "[eog:1]", session_id: "talk", job_id: "older" });
  send?.enqueue(new TextEncoder().encode(older));
  send?.close();
  expect((await late)?.status).toBe(202);
  expect(await (await request("alice", "GET", "/v1/jobs/older")).json()).toMatchObject({ cancelled_by: "superseded" });
  await finish(job);
  expect(job.log.terminal).toMatchObject({ finish_reason: "stop", message: { content: answer } });
  expect(phases.tools.calls).toHaveLength(1);
  await expect.poll(held).toEqual(nothing);
});

it.each(callPhases)("a drain ends only a job that has no output or waits for a person: %s", async (phase) => {
  const { job } = await reach(phase);
  phases.worker.host.refuse();
  const ends = phase === "queued" || phase === "waiting for consent";
  expect(job.log.terminal?.type).toBe(ends ? "error" : undefined);
  await finish(job);
  expect(job.log.terminal).toMatchObject(
    ends ? { code: "unavailable", retryable: true } : { finish_reason: "stop", message: { content: answer } },
  );
  expect(phases.tools.calls).toHaveLength(ends ? 0 : 1);
  await expect.poll(held).toEqual(nothing);
});
