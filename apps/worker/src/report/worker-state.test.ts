import type { ModelHost } from "../models/run/model-host-port.ts";
import { describe, expect, it, test } from "vitest";
import { createModelState } from "../models/run/model-state.ts";
import type { ModelTransition } from "../models/run/model-state.ts";
import { createWorkerState, workerStateOf } from "./worker-state.ts";
import type { WorkerFacts } from "./worker-state.ts";

/** A model after these transitions. */
function model(events: readonly ModelTransition[], failure?: ModelHost["failure"]): NonNullable<WorkerFacts["sole"]> {
  const state = createModelState();
  for (const event of events) state.apply(event, `reason of ${event}`);
  return { state, failure };
}

const serving: WorkerFacts = { phase: "serving", isAwaiting: false, sole: undefined };
const broken = { message: "/a/b.gguf is broken", shown: "b.gguf is broken", isFinal: true };

describe("the state of a worker", () => {
  test.each<[name: string, facts: WorkerFacts, state: string, reason: string | undefined]>([
    ["before its port is open", { ...serving, phase: "starting", isAwaiting: true }, "starting", "starting"],
    ["while a model loads at the start", { ...serving, isAwaiting: true }, "loading", "the model is loading"],
    ["when all models have loaded or failed", serving, "ready", undefined],
    ["with its only model loaded", { ...serving, sole: model(["load", "loaded"]) }, "ready", undefined],
    [
      "while the engine of its only model is replaced",
      { ...serving, sole: model(["load", "loaded", "load"]) },
      "loading",
      "reason of load",
    ],
    [
      "while its only model loads again for a request",
      { ...serving, sole: model(["load", "loaded", "unload", "unloaded", "wait", "load"]) },
      "ready",
      undefined,
    ],
    [
      "whose only model is in a crash loop",
      { ...serving, sole: model(["load", "fail"], broken) },
      "failed",
      "b.gguf is broken",
    ],
    [
      "whose only model waits for another attempt",
      { ...serving, sole: model(["load", "fail", "wait"], broken) },
      "failed",
      "b.gguf is broken",
    ],
    [
      "whose only model goes back to its previous file",
      { ...serving, sole: model(["load", "fail"], { ...broken, isFinal: false }) },
      "ready",
      undefined,
    ],
    [
      "that is leaving, whatever its engine does",
      { phase: "leaving", isAwaiting: true, sole: model(["load", "fail"], broken) },
      "draining",
      "the worker is leaving",
    ],
    ["that has stopped", { ...serving, phase: "stopped" }, "stopped", "stopped"],
  ])("%s", (_, facts, name, reason) => {
    expect(workerStateOf(facts)).toEqual({ name, reason });
  });

  it("stays failed after a crash loop until it stops", () => {
    const state = createWorkerState();
    state.update({ ...serving, sole: model(["load", "fail"], broken) });
    state.update({ ...serving, sole: model(["load", "loaded"]) });
    expect(state).toMatchObject({ name: "failed", reason: "b.gguf is broken" });
    state.update({ ...serving, phase: "stopped" });
    expect(state.name).toBe("stopped");
  });

  it("tells its listeners of each change until they unsubscribe, and of nothing else", () => {
    const state = createWorkerState();
    const heard: string[] = [];
    const stop = state.onChange((name, was) => heard.push(`${was}>${name}`));
    state.update({ ...serving, isAwaiting: true });
    state.update({ ...serving, isAwaiting: true });
    state.update(serving);
    stop();
    state.update({ ...serving, phase: "leaving" });
    expect([heard, state.name]).toEqual([["starting>loading", "loading>ready"], "draining"]);
  });
});
