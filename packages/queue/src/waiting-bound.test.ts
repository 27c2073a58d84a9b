// Tests the bound on a request's wait (`boundMs`). The random schedules contain flows that send many requests at once, flows
// that send the next request as soon as they have an answer, and new flows.
import fc from "fast-check";
import { expect, inject, it } from "vitest";
import { runSchedule, type FlowPlan, type Request, type SchedulePlan } from "./testing/schedule.ts";

/** Same value as in admission-queue.ts. */
const passingLimitMs = 10_000;
const longestRunMs = 5_000;
const scheduleMs = 450_000;

function flowPlan(slots: fc.Arbitrary<number>, client: fc.Arbitrary<string>): fc.Arbitrary<Omit<FlowPlan, "flow">> {
  return fc.record({
    client,
    priority: fc.constantFrom(0, 0, 0, 1),
    kind: fc.constantFrom("returns", "returns", "repeats", "once"),
    burst: fc.constantFrom(1, 1, 1, 3),
    pauseMs: fc.integer({ min: 1_000, max: 60_000 }),
    startMs: fc.integer({ min: 0, max: 10_000 }),
    sizes: fc.array(fc.record({ slots, runMs: fc.integer({ min: 500, max: longestRunMs }) }), {
      minLength: 1,
      maxLength: 5,
    }),
  });
}

function schedules(
  need: fc.Arbitrary<number>,
  client: fc.Arbitrary<string>,
  slots = fc.integer({ min: 1, max: 8 }),
): fc.Arbitrary<SchedulePlan> {
  const flows = fc.array(flowPlan(need, client), { minLength: 3, maxLength: 12, size: "max" });
  return fc.record({ slots, flows }).map((plan) => ({
    slots: plan.slots,
    flows: plan.flows.map((each, index) => ({ ...each, flow: `f${index}` })),
  }));
}

/** The requests that no request of a higher priority can delay. */
function ofHighestPriority(requests: readonly Request[]): Request[] {
  const highest = Math.max(...requests.map(({ priority }) => priority));
  return requests.filter(({ priority }) => priority === highest);
}

/** @param passingMs how long other requests may be taken before a request that does not fit; 0 if all requests need one slot */
function boundMs({ place, mostFlows, mostClients }: Request, passingMs: number): number {
  const turnMs = longestRunMs + mostClients * (passingMs + longestRunMs);
  return place * (passingMs + mostFlows * turnMs);
}

it("with one client and one slot per request, fewer requests begin before a request than its position × the waiting flows", () => {
  fc.assert(
    fc.property(schedules(fc.constant(1), fc.constant("c")), (plan) => {
      const requests = ofHighestPriority(runSchedule(plan, scheduleMs / 5));
      expect(requests.filter(({ place, mostFlows, overtakenBy }) => overtakenBy > place * mostFlows - 1)).toEqual([]);
    }),
    { numRuns: inject("runs").queueSchedules },
  );
});

it.each([
  ["one slot", fc.constant(1), 0],
  [
    "one to eight slots",
    fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 8 })),
    passingLimitMs,
  ],
])("several clients, %s per request: a request waits no longer than the bound", (_, need, passingMs) => {
  fc.assert(
    fc.property(schedules(need, fc.constantFrom("a", "b", "c")), (plan) => {
      const requests = ofHighestPriority(runSchedule(plan, scheduleMs));
      expect(requests.filter((request) => request.waitedMs > boundMs(request, passingMs))).toEqual([]);
    }),
    { numRuns: inject("runs").queueSchedules },
  );
});

it("with six sessions that return at once, a seventh session is served in every round", () => {
  const flow = (name: string, burst: number, kind: FlowPlan["kind"]): FlowPlan => {
    const size = { slots: 1, runMs: 1_000 };
    return { client: "c", flow: name, priority: 0, burst, kind, pauseMs: 1e9, startMs: 0, sizes: [size] };
  };
  const flows = [...Array.from({ length: 6 }, (_, i) => flow(`s${i}`, 1, "returns")), flow("t", 3, "repeats")];
  const waits = runSchedule({ slots: 1, flows }, 60_000).filter((request) => request.flow === "t");
  expect(waits.map(({ waitedMs }) => waitedMs / 1_000)).toEqual([6, 13, 20]);
});

it("four sessions that return at once do not keep two requests for all eight slots from running", () => {
  const sizes = [{ slots: 1, runMs: 3_000 }];
  const session = (name: string, startMs: number): FlowPlan => {
    return { client: "c", flow: name, priority: 0, burst: 1, kind: "returns", pauseMs: 0, startMs, sizes };
  };
  const large = { ...session("large", 1_500), burst: 2, kind: "repeats", pauseMs: 1e9 } as const;
  const plain = { ...session("large", 1_600), burst: 4, kind: "repeats", pauseMs: 1e9 } as const;
  const flows = [
    ...Array.from({ length: 4 }, (_, i) => session(`s${i}`, i * 700)),
    { ...large, sizes: [{ slots: 8, runMs: 3_000 }] },
    plain,
  ];
  const waited = (need: number): number[] =>
    runSchedule({ slots: 8, flows }, 120_000)
      .filter((request) => request.flow === "large" && request.slots === need)
      .map(({ waitedMs }) => waitedMs / 1_000);
  expect(Math.max(...waited(8))).toBeLessThanOrEqual(20);
  // Four slots are free for these requests.
  expect(waited(1)).toEqual([0, 0, 0, 0]);
});
