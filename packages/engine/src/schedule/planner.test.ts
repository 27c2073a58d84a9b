// Tests the order of passes: which kind is next, and which jobs take part.
import { lanePriority } from "@waggle/protocol";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { withCells } from "../port/entries.ts";
import { createPacing } from "./costs/pacing.ts";
import { job } from "../testing/engine-harness.ts";
import { range, runIn, type GivenRun } from "../testing/run-in.ts";
import { createPlanner, type PassPlan } from "./planner.ts";
import type { Owner } from "./shares.ts";
import { isLaneRun } from "./lane-runs.ts";
import { isDecoding, type Run } from "./slots.ts";

const chunk = { id: "p", entry: -1, picture: 0, cells: 40, positions: 40, causal: true };
const pacing = createPacing({ batchSize: 512, threads: { start: 1, max: 1, pinned: true }, oneMatrix: false });

const streaming = (slot: number, given: GivenRun = {}): Run => runIn("decoding", { slot, ...given });
const reading = (slot: number, given: GivenRun = {}): Run =>
  runIn("prefilling", { slot, entries: range(900), ...given });
const seeing = (slot: number, given: GivenRun = {}): Run =>
  runIn("prefilling", { slot, ...withCells([chunk, 7]), ...given });

const lane = { priority: lanePriority };

interface Given {
  readonly runs: readonly Run[];
  readonly texts?: boolean | "of lane" | "to tokenize";
  readonly prices?: typeof pacing;
  /** Runs whose picture is encoded; by default all. */
  readonly encoded?: readonly Run[];
  /** A client that is left out. */
  readonly left?: string;
}

/** Plans this many passes; the state of the jobs does not change. */
function plansOf(
  count: number,
  { runs, texts = false, encoded = runs, left, prices = pacing }: Given,
): (PassPlan | undefined)[] {
  const shares = { contend: () => undefined, waits: ({ client }: Owner) => client === left };
  const plan = createPlanner({
    ...{ pacing: prices, slots: runs.map(({ slot }) => slot), drafts: { next: () => undefined } },
    backend: { info: { batchSize: 512, contextPool: 10_000 }, generator: { maxReads: 8, oneMatrix: true } } as never,
    shares: { foreground: shares, lane: { ...shares, waits: () => false } },
    texts: {
      ready: () =>
        texts === false || texts === "to tokenize"
          ? []
          : [{ ...job("texts", "", texts === "of lane" ? lane : {}), cacheScope: "texts" }],
      hasForeground: texts === true || texts === "to tokenize",
    },
    nextPicture: (among) => among.find((run) => encoded.includes(run) && run.prepared.chunks.length > 0),
  });
  return range(count).map(plan);
}

/** The kind of a pass, with the slots that take part. */
function named(plan: PassPlan | undefined): string {
  if (plan === undefined) return "none";
  if (plan.kind !== "tokens") return plan.kind === "cells" ? `cells of ${plan.piece.slot}` : plan.kind;
  const slots = plan.spans.map(({ run }) => run.slot.id);
  return slots.toSorted((a, b) => a - b).join(" ");
}

test("texts, picture cells and prompts take turns, and the jobs that decode get a pass after each of texts and cells", () => {
  const all = { runs: [streaming(0), streaming(1), reading(2), seeing(3)], texts: true };
  const round = ["texts", "0 1", "cells of 3", "0 1", "0 1 2"];
  expect(plansOf(10, all).map(named)).toEqual([...round, ...round]);
});

test("without jobs that decode, long work follows long work, each limited by what its own slot holds", () => {
  const limits = vi.spyOn(pacing, "plan");
  const plans = plansOf(6, { runs: [reading(0, { held: 9 }), seeing(1, { held: 5 })], texts: true });
  expect(limits.mock.calls.map(([{ promptHeld }]) => promptHeld)).toEqual([5, 9, 5, 9]);
  expect(plans.map(named)).toEqual(["texts", "cells of 1", "0", "texts", "cells of 1", "0"]);
});

test("jobs of a client that is left out take part in no pass, and jobs that decode have the passes of absent kinds", () => {
  const other = { cacheScope: "bob" };
  const runs = [streaming(0), streaming(1, other), reading(2, other), seeing(3, other)];
  expect(plansOf(3, { runs, left: "bob" }).map(named)).toEqual(["0", "0", "0"]);
  expect(plansOf(3, { runs, texts: true, left: "alice" }).map(named)).toEqual(["texts", "1", "cells of 3"]);
});

test("there is nothing to compute while no job has begun, or only a picture is awaited", () => {
  const states = (["beginning", "preempted", "releasing"] as const).map((state, slot) => runIn(state, { slot }));
  expect(plansOf(2, { runs: [...states, seeing(3)], encoded: [] }).map(named)).toEqual(["none", "none"]);
});

test("a job that awaits its picture gets no turn of its adapters, while another job decodes", () => {
  const runs = [streaming(0), seeing(1, { adapters: [1] })];
  expect(new Set(plansOf(12, { runs, encoded: [] }).map(named))).toEqual(new Set(["0"]));
});

test("while an allowed job decodes, each plan has a pass, and each such job takes part in time, for random jobs", () => {
  const anyJob = fc.record({
    make: fc.constantFrom(streaming, reading, seeing),
    cacheScope: fc.constantFrom("alice", "bob"),
    adapters: fc.constantFrom(undefined, [1], [2]),
    isEncoded: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyJob, { minLength: 1, maxLength: 5 }), fc.boolean(), (drawn, texts) => {
      const runs = drawn.map(({ make, cacheScope, adapters }, slot) => make(slot, { cacheScope, adapters }));
      const encoded = runs.filter((_, i) => drawn[i]?.isEncoded);
      const streams = runs.filter((run) => isDecoding(run) && run.prepared.job.cacheScope === "alice");
      fc.pre(streams.length > 0);
      const plans = plansOf(60, { runs, texts, encoded, left: "bob" });
      expect(plans).not.toContain(undefined);
      const spans = plans.flatMap((plan) => (plan?.kind === "tokens" ? plan.spans : []));
      expect(spans.map(({ run }) => run)).toEqual(expect.arrayContaining(streams));
    }),
  );
});

test("lane jobs compute like others while no foreground job has a slot or a text, and not at all next to one before a step was measured", () => {
  const own = [streaming(0, lane), reading(1, lane), seeing(2, lane)];
  expect(plansOf(4, { runs: own, texts: "of lane" }).map(named)).toEqual(["texts", "0", "cells of 2", "0"]);
  expect(plansOf(2, { runs: own, texts: "to tokenize" }).map(named)).toEqual(["none", "none"]);
  for (const state of ["beginning", "preempted"] as const)
    expect(plansOf(2, { runs: [...own, runIn(state, { slot: 3 })] }).map(named)).toEqual(["none", "none"]);
  expect(plansOf(1, { runs: [streaming(0, { ...lane, cacheScope: "bob" })], left: "bob" }).map(named)).toEqual(["0"]);
  const both = [...own, streaming(3)];
  expect(plansOf(2, { runs: both, texts: "of lane" }).map(named)).toEqual(["3", "3"]);
  expect(plansOf(2, { runs: [...own, runIn("releasing", { slot: 3 })] }).map(named)).toEqual(["cells of 2", "0"]);
});

test("lane jobs change nothing of what foreground jobs compute, for random jobs and prices", () => {
  const anyJob = fc.record({
    make: fc.constantFrom(streaming, reading, seeing),
    cacheScope: fc.constantFrom("alice", "bob"),
    adapters: fc.constantFrom(undefined, [1]),
    isLane: fc.boolean(),
  });
  let joined = 0;
  fc.assert(
    fc.property(fc.array(anyJob, { minLength: 2, maxLength: 6 }), fc.constantFrom(0, 0.1, 10), (drawn, rowMs) => {
      const decode = [1, 64].map((rows) => ({ rows, ms: 10 + rowMs * rows }));
      const prompt = [1, 64, 512].map((tokens) => ({ tokens, ms: 10 + rowMs * tokens }));
      const known = { threads: [{ threads: 1, decode, prompt }], context: { row_ms: 0, tile_ms: 0 } };
      const prices = createPacing({
        ...{ batchSize: 512, threads: { start: 1, max: 1, pinned: true }, oneMatrix: true, known },
      });
      /** What foreground jobs compute in each pass. */
      const computed = (withLane: boolean): unknown[] => {
        const all = drawn.map(({ make, cacheScope, adapters, isLane }, slot) =>
          make(slot, { cacheScope, adapters, ...(isLane ? lane : {}) }),
        );
        const runs = withLane ? all : all.filter((run) => !isLaneRun(run));
        fc.pre(!runs.every(isLaneRun));
        return plansOf(10, { runs, prices }).map((plan) => {
          if (plan?.kind !== "tokens") return named(plan);
          expect(new Set(plan.spans.map(({ run }) => run.prepared.sampling.adapters)).size, "adapters").toBe(1);
          const own = plan.spans.filter(({ run }) => !isLaneRun(run));
          joined += plan.spans.length - own.length;
          return own.map(({ run, count }) => [run.slot.id, count]).toSorted(([a = 0], [b = 0]) => a - b);
        });
      };
      expect(computed(true)).toEqual(computed(false));
    }),
  );
  expect(joined).toBeGreaterThan(100);
});
