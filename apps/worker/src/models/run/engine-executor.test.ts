// Tests what a worker knows of its engine's work: what the engine prepares, and what is lost with it.
import type { EngineCommand, JobEvent } from "@waggle/engine";
import { createJob, type ExecutorOwner } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { expect, test } from "vitest";
import { createEngineExecutor } from "./engine-executor.ts";

const spec = {
  model: "m",
  who: { client: "a", trace: "t" },
  when: { priority: 0, onDisconnect: "cancel", direct: true },
  work: { kind: "embed", texts: ["x"] },
} as const;
const started: JobEvent = { type: "started", jobId: "j1", promptTokens: 1, cachedTokens: 0 };

function setUp() {
  const commands: EngineCommand["type"][] = [];
  const lost: string[][] = [];
  const clock = createFakeClock();
  const executor = createEngineExecutor({
    clock,
    ready: () => true,
    slots: () => 1,
    contextSize: () => 20,
    send: ({ type }) => void commands.push(type),
  });
  const owner: Partial<ExecutorOwner> = {
    onEvents() {},
    onAnswer() {},
    onChecked() {},
    onLost: (_, checking) => void lost.push([...checking]),
  };
  executor.open(owner as ExecutorOwner);
  return { commands, lost, clock, executor };
}

test("work whose check was late is lost with the engine, and so are its sequences", async () => {
  const { commands, lost, clock, executor } = setUp();
  const late = executor.preflight("j1", spec);
  clock.advance(80);
  expect(await late).toBe("late");
  const early = executor.preflight("j2", spec);
  const job = createJob(spec, { uid: "j3", now: 0, replayBufferBytes: 1, phase: "queued" });
  executor.start(job, job.state.sequences);
  executor.lose(new WaggleError("engine_failed", "The engine died."));
  expect([await early, lost]).toEqual(["lost", [["j1", "j2", "j3"]]]);
  for (const uid of ["j1", "j2", "j3"]) executor.cancel(uid);
  expect(commands, "the next engine knows nothing of them").toEqual(["prepare", "prepare", "prepare", "start"]);
});

test("the engine prepares until it has answered, and tokenizes texts until their job begins", () => {
  const { executor } = setUp();
  const seen = [executor.preparing];
  executor.query("q1", { kind: "detokenize", tokens: [] }, "a");
  seen.push(executor.preparing);
  executor.take({ type: "query_result", id: "q1", answer: { kind: "detokenize", text: "" } });
  seen.push(executor.preparing);
  const job = createJob(spec, { uid: "j1", now: 0, replayBufferBytes: 1, phase: "queued" });
  executor.start(job, job.state.sequences);
  executor.take({ type: "prepared", jobId: "j1", promptTokens: 1, cachedTokens: 0 });
  job.state = { ...job.state, phase: { name: "running", stage: "queued" } };
  seen.push(executor.preparing);
  executor.take({ type: "step", events: [started] });
  job.state = { ...job.state, phase: { name: "running", stage: "prefill" } };
  seen.push(executor.preparing);
  expect(seen).toEqual([false, true, false, true, false]);
});
