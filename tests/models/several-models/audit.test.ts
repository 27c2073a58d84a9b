import { expect, test } from "vitest";
import { auditUnloads, enginesOf, isDeath } from "./audit.ts";

type Line = Record<string, unknown>;
const start = (model: string, job: string): Line => ({ msg: "stream_start", model, job });
const end = (model: string, job: string): Line => ({ msg: "stream_end", model, job });
const at = (second: number): string => new Date(second * 1_000).toISOString();
const ready = (model: string, second = 0): Line => ({ msg: "model_state", model, to: "ready", time: at(second) });
const unload = (model: string, reason: string, more: Line = {}): Line => {
  return { msg: "model_unload", model, reason, for: "other", jobs: 0, waiting: 0, time: at(1), ...more };
};
const unloaded = (model: string): Line => ({ msg: "model_state", model, from: "unloading", to: "unloaded" });

test("counts unloads by model, and finds no failures if all jobs end before their model is unloaded", () => {
  const first = [
    ready("a"),
    start("a", "1"),
    start("b", "2"),
    unload("a", "memory"),
    end("a", "1"),
    unloaded("a"),
    end("b", "2"),
  ];
  const busy = [ready("a", 10), unload("a", "memory", { jobs: 1, waiting: 2, time: at(15) }), unloaded("a")];
  const replaced = [start("a", "3"), unload("a", "replaced"), unloaded("a")];
  const early = [{ ...unloaded("b"), from: "waiting", to: "unloading" }, unloaded("b")];
  expect(auditUnloads([...first, ...busy, ...replaced, ...early], ["memory", "replaced"])).toEqual({
    unloads: new Map([["a", 3]]),
    busy: 1,
    failures: [],
  });
});

test.each<[failure: string, lines: readonly Line[]]>([
  ["with 1 running jobs", [start("a", "1"), unload("a", "memory"), unloaded("a")]],
  ["without a reason", [unloaded("a")]],
  ["for the reason idle, which is not allowed", [unload("a", "idle"), unloaded("a")]],
  ["for no other model", [unload("a", "memory", { for: undefined })]],
  ["for no other model", [unload("a", "memory", { for: "a" })]],
  ["with 2 jobs after 4000 ms", [ready("a"), unload("a", "memory", { jobs: 1, waiting: 1, time: at(4) })]],
  ["as replaced with 1 jobs", [unload("a", "replaced", { jobs: 1 })]],
])("a was unloaded %s", (failure, lines) => {
  expect(auditUnloads(lines, ["memory", "replaced"]).failures).toEqual([`a was unloaded ${failure}`]);
});

test("an engine belongs to the model that began to load right before the engine started", () => {
  const loading = { msg: "model_state", model: "a", from: "waiting", to: "loading" };
  const lines = [
    loading,
    { msg: "engine_start", engine_pid: 7 },
    end("b", "1"),
    { msg: "engine_start", engine_pid: 8 },
    { msg: "engine_died", event: "engine_died", reason: "The engine was killed by SIGKILL." },
  ];
  expect([...enginesOf(lines)]).toEqual([["a", 7]]);
  expect(lines.filter(isDeath)).toEqual(lines.slice(-1));
});
