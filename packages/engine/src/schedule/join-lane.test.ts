// Tests what lane jobs add to a step of foreground jobs, for random loads and prices.
import { lanePriority } from "@waggle/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { range, runIn, type GivenRun } from "../testing/run-in.ts";
import { workOf } from "./charge.ts";
import { shapeOf, type StepShape } from "./costs/step-shape.ts";
import { joinLane, type LaneLimits } from "./join-lane.ts";
import { planSpans } from "./plan.ts";
import { countTokens, type Span } from "./spans.ts";
import { isLaneRun } from "./lane-runs.ts";
import type { Run } from "./slots.ts";

const lane = { priority: lanePriority };
const streaming = (slot: number, given: GivenRun = {}): Run =>
  runIn("decoding", { slot, entries: range(600), ...given });
const reading = (slot: number, given: GivenRun = {}): Run =>
  runIn("prefilling", { slot, entries: range(100), ...given });

/** A matrix costs as much as with so many rows that they fill its tiles. */
interface Machine {
  readonly matrixMs: number;
  readonly rowMs: number;
  readonly tileRows: number;
  readonly contextMs: number;
  readonly oneMatrix: boolean;
}

const cheap: Machine = { matrixMs: 10, rowMs: 1, tileRows: 4, contextMs: 0, oneMatrix: false };

function msOf({ matrixMs, rowMs, tileRows, contextMs }: Machine, shape: StepShape): number {
  const matrices = [...shape.decode, ...shape.prompt].map(
    (rows) => matrixMs + rowMs * tileRows * Math.ceil(rows / tileRows),
  );
  return matrices.reduce((sum, ms) => sum + ms, (shape.rowContext + shape.tileContext) * contextMs);
}

function limitsOf(machine: Machine, tokens = 512): LaneLimits {
  const { oneMatrix } = machine;
  return {
    divide: (run) => [run],
    tokens,
    priceOf: (spans) => {
      const works = spans.map(({ run, count, drafts }) => workOf(run, count + drafts.length));
      return msOf(machine, shapeOf(works, { oneMatrix, attentionTile: 64 }));
    },
  };
}

function planned(runs: readonly Run[], drafts = 0): Span[] {
  const guesses = new Map(runs.map(({ slot }) => [slot.id, range(drafts)]));
  const limits = { batchSize: 512, prefillBudget: 40, leastPiece: 1, scoredTokens: 0 };
  return planSpans(runs, { ...limits, divide: (run) => [run] }, drafts === 0 ? undefined : guesses);
}

/** The slots with the number of tokens that each computes, in the order of the step. */
function named(spans: readonly Span[]): string {
  return spans.map(({ run, count }) => `${run.slot.id}:${count}`).join(" ");
}

test("rows join where a matrix computes them anyway, nearest first, also between two slots of streams", () => {
  const rows = [streaming(3, lane), streaming(1, lane)];
  expect(named(joinLane(planned([streaming(0), streaming(2)]), rows, limitsOf(cheap)))).toBe("0:1 1:1 2:1 3:1");
  expect(named(joinLane(planned([streaming(0)]), rows, limitsOf({ ...cheap, tileRows: 2 })))).toBe("0:1 1:1");
  expect(named(joinLane(planned([streaming(0)]), [streaming(7, lane)], limitsOf(cheap)))).toBe("0:1");
});

test("a prompt joins with as many tokens as cost nothing, where all entries are one matrix, and a short one leaves room for the next", () => {
  const limits = limitsOf({ ...cheap, tileRows: 32, oneMatrix: true });
  const prompts = [reading(1, lane), reading(2, { ...lane, entries: range(9) })];
  expect(named(joinLane(planned([streaming(0)]), prompts, limits))).toBe("2:9 1:16 0:1");
});

test("no row joins a matrix with drafts, and no token behind which logprobs are read", () => {
  const rows = [streaming(1, lane)];
  expect(named(joinLane(planned([streaming(0)], 2), rows, limitsOf(cheap)))).toBe("0:1");
  const scored = reading(1, { ...lane, topLogprobs: 1, promptLogprobs: true });
  const free = limitsOf({ ...cheap, tileRows: 512, oneMatrix: true });
  expect(named(joinLane(planned([streaming(0)]), [scored], free))).toBe("0:1");
});

test("no step is predicted more than 2 % longer, exceeds its room, or changes what foreground jobs compute", () => {
  let joined = 0;
  const anyRun = fc.record({
    make: fc.constantFrom(streaming, reading),
    isLane: fc.boolean(),
    held: fc.nat(599),
  });
  const anyMachine = fc.record({
    matrixMs: fc.nat(20),
    rowMs: fc.constantFrom(0, 0.01, 0.1, 1),
    tileRows: fc.constantFrom(1, 2, 4, 32),
    contextMs: fc.constantFrom(0, 1),
    oneMatrix: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(anyRun, { minLength: 2, maxLength: 8 }),
      anyMachine,
      fc.nat(60),
      fc.nat(2),
      (drawn, machine, room, drafts) => {
        const runs = drawn.map(({ make, isLane, held }, slot) =>
          make(slot, { entries: range(600), held, ...(isLane ? lane : {}) }),
        );
        const spans = planned(
          runs.filter((run) => !isLaneRun(run)),
          drafts,
        );
        fc.pre(spans.length > 0);
        const limits = limitsOf(machine, room);
        const step = joinLane(spans, runs.filter(isLaneRun), limits);
        expect(limits.priceOf(step)).toBeLessThanOrEqual(1.02 * (limits.priceOf(spans) ?? 0));
        expect(countTokens(step) - countTokens(spans)).toBeLessThanOrEqual(room);
        const foreground = step.filter(({ run }) => !isLaneRun(run));
        expect(foreground).toHaveLength(spans.length);
        expect(foreground).toEqual(expect.arrayContaining(spans));
        expect(new Set(step.map(({ run }) => run)).size, "a span for each run").toBe(step.length);
        if (step.length > spans.length) joined += 1;
      },
    ),
  );
  expect(joined).toBeGreaterThan(30);
});
