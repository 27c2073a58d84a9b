import { describe, expect, it } from "vitest";
import { createWorkerState, transition } from "./worker-state.ts";
import type { WorkerEvent } from "./worker-state.ts";

describe("worker state", () => {
  it("goes from starting to loading to ready, and back to loading while the engine is replaced", () => {
    const way: [WorkerEvent, string][] = [
      ["listening", "loading"],
      ["loaded", "ready"],
      ["engine_lost", "loading"],
      ["loaded", "ready"],
      ["drain", "draining"],
      ["stopped", "stopped"],
    ];
    const state = createWorkerState();
    for (const [event, expected] of way) {
      state.apply(event);
      expect(state.name).toBe(expected);
    }
  });

  it("refuses illegal events", () => {
    expect(() => transition("starting", "loaded")).toThrow("Illegal worker transition: loaded while starting");
    expect(() => transition("ready", "loaded")).toThrow("Illegal");
    expect(() => transition("failed", "loaded")).toThrow("Illegal");
  });

  it("keeps draining, whatever the engine does meanwhile", () => {
    for (const event of ["loaded", "engine_lost", "gave_up", "drain"] as const) {
      expect(transition("draining", event)).toBe("draining");
    }
  });

  it("has a reason only while it is not ready", () => {
    const state = createWorkerState();
    state.apply("listening", "the model is loading");
    expect(state.reason).toBe("the model is loading");
    state.apply("loaded");
    expect(state.reason).toBeUndefined();
    state.apply("engine_lost", "the engine is restarting");
    expect(state.reason).toBe("the engine is restarting");
  });

  it("calls its listeners at each change until they unsubscribe", () => {
    const state = createWorkerState();
    const heard: string[] = [];
    const stop = state.onChange((name, was) => heard.push(`${was}>${name}`));
    state.apply("listening");
    stop();
    state.apply("loaded");
    expect(heard).toEqual(["starting>loading"]);
  });
});
