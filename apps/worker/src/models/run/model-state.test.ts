import { expect, test } from "vitest";
import type { ModelStateName } from "@waggle/protocol";
import { createModelState, loadingEventOf } from "./model-state.ts";
import type { ModelState, ModelTransition } from "./model-state.ts";

const waysTo: Readonly<Record<ModelStateName, readonly ModelTransition[]>> = {
  unloaded: [],
  waiting: ["wait"],
  downloading: ["wait", "download"],
  loading: ["load"],
  ready: ["load", "loaded"],
  unloading: ["load", "unload"],
  failed: ["fail"],
};

function stateIn(name: ModelStateName): ModelState {
  const state = createModelState();
  for (const event of waysTo[name]) state.apply(event);
  expect(state.name).toBe(name);
  return state;
}

/** The next state for each event; missing events are illegal. */
const expected: Readonly<Record<ModelStateName, Readonly<Partial<Record<ModelTransition, ModelStateName>>>>> = {
  unloaded: { wait: "waiting", download: "downloading", load: "loading", unload: "unloading", fail: "failed" },
  waiting: {
    ...{ wait: "waiting", download: "downloading", load: "loading", unload: "unloading", fail: "failed" },
    give_way: "unloaded",
  },
  downloading: {
    ...{ wait: "waiting", download: "downloading", load: "loading", unload: "unloading", fail: "failed" },
    give_way: "unloaded",
  },
  loading: { loaded: "ready", load: "loading", unload: "unloading", fail: "failed" },
  ready: { load: "loading", unload: "unloading", fail: "failed" },
  unloading: { unload: "unloading", unloaded: "unloaded", fail: "failed" },
  failed: { wait: "waiting", download: "downloading", load: "loading", unload: "unloading", fail: "failed" },
};
const events = ["wait", "give_way", "download", "load", "loaded", "unload", "unloaded", "fail"] as const;

const pairs = Object.keys(expected).flatMap((name) =>
  events.map((event) => [event, name as ModelStateName, expected[name as ModelStateName][event]] as const),
);

test.each(pairs)("%s while %s leads to %s", (event, name, next) => {
  const state = stateIn(name);
  const heard: string[] = [];
  const forget = state.onChange((to, from) => heard.push(`${from} to ${to}`));
  if (next === undefined) {
    expect(() => state.apply(event)).toThrow(`Illegal model transition: ${event} while ${name}`);
    expect([state.name, heard]).toEqual([name, []]);
    return;
  }
  state.apply(event, "because");
  expect([state.name, state.reason, heard]).toEqual([next, "because", [`${name} to ${next}`]]);
  forget();
  state.apply(next === "loading" ? "loaded" : next === "unloaded" ? "load" : "fail");
  expect([state.reason, heard.length]).toEqual([undefined, 1]);
});

test("clients that watch the loading learn each stage with its progress, and the end", () => {
  const state = createModelState();
  const seen: unknown[] = [];
  const look = (): unknown => seen.push(loadingEventOf(state, "m"));
  state.onChange(look);
  for (const event of ["wait", "download"] as const) state.apply(event);
  state.advance(0.5);
  look();
  for (const event of ["load", "loaded", "load"] as const) state.apply(event);
  state.apply("fail", "no memory");
  const loading = { type: "loading", stage: "loading", progress: 0 };
  expect(seen).toEqual([
    undefined,
    { type: "loading", stage: "downloading", progress: 0 },
    { type: "loading", stage: "downloading", progress: 0.5 },
    loading,
    { type: "ready", model: "m" },
    loading,
    { type: "failed", message: "no memory" },
  ]);
});
