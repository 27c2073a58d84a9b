// Tests the bound on a request's wait (`boundMs`). The random schedules contain flows that send many requests at once, flows
// that send the next request as soon as they have an answer, and new flows.
import fc from "fast-check";
import { expect, inject, it } from "vitest";
import { runSchedule, type FlowPlan, type Request, type SchedulePlan } from "./testing/schedule.ts";

const longestRunMs = 5_000;
const scheduleMs = 450_000;

function flowPlan(places: fc.Arbitrary<number>, client: fc.Arbitrary<string>): fc.Arbitrary<Omit<FlowPlan, "flow">> {
  return fc.record({
    client,
    priority: fc.constantFrom(0, 0, 0, 1),
    kind: fc.constantFrom("returns", "returns", "repeats", "once"),
    burst: fc.constantFrom(1, 1, 1, 3),
    pauseMs: fc.integer({ min: 1_000, max: 60_000 }),
    startMs: fc.integer({ min: 0, max: 10_000 }),
    sizes: fc.array(fc.record({ places, runMs: fc.integer({ min: 500, max: longestRunMs }) }), {
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

function boundMs({ place, mostFlows, mostClients }: Request): number {
  return place * mostFlows * (1 + mostClients) * longestRunMs;
}

it("with one client, fewer places begin before a request than its position × the waiting flows", () => {
  fc.assert(
    fc.property(schedules(fc.constant(1), fc.constant("c")), (plan) => {
      const requests = ofHighestPriority(runSchedule(plan, scheduleMs / 5));
      expect(requests.filter(({ place, mostFlows, overtakenBy }) => overtakenBy > place * mostFlows - 1)).toEqual([]);
    }),
    { numRuns: inject("runs").queueSchedules },
  );
});

it.each([1, 8])("several clients, up to %i places per request: a request waits no longer than the bound", (most) => {
  const places = fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: most }));
  fc.assert(
    fc.property(schedules(places, fc.constantFrom("a", "b", "c")), (plan) => {
      const requests = ofHighestPriority(runSchedule(plan, scheduleMs));
      expect(requests.filter((request) => request.waitedMs > boundMs(request))).toEqual([]);
    }),
    { numRuns: inject("runs").queueSchedules },
  );
});

it("with six sessions that return at once, a seventh session is served in every round", () => {
  const flow = (name: string, burst: number, kind: FlowPlan["kind"]): FlowPlan => {
    const size = { places: 1, runMs: 1_000 };
    return { client: "c", flow: name, priority: 0, burst, kind, pauseMs: 1e9, startMs: 0, sizes: [size] };
  };
  const flows = [...Array.from({ length: 6 }, (_, i) => flow(`s${i}`, 1, "returns")), flow("t", 3, "repeats")];
  const waits = runSchedule({ slots: 1, flows }, 60_000).filter((request) => request.flow === "t");
  expect(waits.map(({ waitedMs }) => waitedMs / 1_000)).toEqual([6, 13, 20]);
});
