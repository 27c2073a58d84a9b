import { describe, expect, it, test } from "vitest";
import { createModelState } from "../models/run/model-state.ts";
import type { ModelTransition } from "../models/run/model-state.ts";
import { createWorkerState, workerStateOf } from "./worker-state.ts";
import type { WorkerFacts } from "./worker-state.ts";

/** A model after these transitions. */
function model(events: readonly ModelTransition[]): NonNullable<WorkerFacts["sole"]> {
  const state = createModelState();
  for (const event of events) state.apply(event, `reason of ${event}`);
  return { state };
}

const serving: WorkerFacts = { phase: "serving", isAwaiting: false, sole: undefined, failure: undefined };
const failure = "b.gguf is broken";

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
    ["whose only model was in a crash loop", { ...serving, failure, sole: model(["load", "fail"]) }, "failed", failure],
    [
      "whose only model has loaded again after a crash loop",
      { ...serving, failure, sole: model(["load", "fail", "load", "loaded"]) },
      "failed",
      failure,
    ],
    [
      "whose only model goes back to its previous file",
      { ...serving, sole: model(["load", "fail"]) },
      "ready",
      undefined,
    ],
    [
      "that is leaving, whatever its engine does",
      { phase: "leaving", isAwaiting: true, failure, sole: model(["load", "fail"]) },
      "draining",
      "the worker is leaving",
    ],
    ["that has stopped", { ...serving, phase: "stopped" }, "stopped", "stopped"],
  ])("%s", (_, facts, name, reason) => {
    expect(workerStateOf(facts)).toEqual({ name, reason });
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
