import { deferred, type Deferred } from "@waggle/async";
import type { FleetJob, GatewayProcessId, RecordListener } from "@waggle/fleet";
import { until } from "@waggle/fleet/testing";
import type { Job } from "@waggle/jobs";
import { createFakeClock } from "@waggle/testing";
import { WaggleError } from "@waggle/protocol";
import { createLogger } from "@waggle/telemetry";
import { expect, it } from "vitest";
import { createPublisher } from "./publisher.ts";
import { apply, createSequenceRun, phaseOf } from "./sequence-run.ts";

function setUp({ origin = "here", taken }: { origin?: string; taken?: Deferred<void> } = {}) {
  const chosen = deferred<string | undefined>();
  const published: (string | undefined)[] = [];
  const noted: string[] = [];
  const refusals: WaggleError[] = [];
  const ends: string[] = [];
  const started: RecordListener[] = [];
  const job = { id: "job", takenOver: undefined } as unknown as Job;
  const spec = { work: { kind: "generate" }, when: { priority: 0 } };
  const fleetJob = { id: "fleet-job", gateway: origin, spec } as unknown as FleetJob;
  const run = createSequenceRun(job, { uid: "j1" }, { fleetJob, lastRecordAt: 0 });
  const clock = createFakeClock();
  const publisher = createPublisher(
    {
      side: {
        id: "here" as GatewayProcessId,
        connected: true,
        async publish(_, { at } = {}) {
          published.push(at);
          await taken?.promise;
          const refusal = refusals.shift();
          if (refusal !== undefined) throw refusal;
        },
        subscribe: () => () => {},
        async subscribeFromStart(_, listener) {
          started.push(listener);
          return () => {};
        },
      },
      names: { recorded: async () => {}, isPublished: async () => false, published: ({ id }) => noted.push(id) },
      affinity: { choose: () => chosen.promise },
      serving: () => [],
      sessionFree: () => undefined,
      clock,
      log: createLogger({ level: "silent", format: "json", name: "publisher-test" }),
    },
    {
      onRoom: () => {},
      onRefused(_, { code, message }) {
        ends.push(`${code}: ${message}`);
        apply(run, "end");
      },
    },
  );
  const listener: RecordListener = () => apply(run, "record");
  const put = (): Promise<void> => publisher.put(run, listener, () => fleetJob);
  return { run, put, chosen, published, noted, refusals, started, publisher, clock, ends };
}

it("does not publish a sequence that is cancelled while a worker is asked for a slot", async () => {
  const { run, put, chosen, published } = setUp();
  const done = put();
  apply(run, "cancel");
  chosen.resolve("w1");
  await done;
  expect(published).toEqual([]);
  expect(phaseOf(run)).toBe("withdrawn");
});

it("does not publish a sequence again when a worker's record shows that another gateway has published it", async () => {
  const { run, put, chosen, published, started } = setUp({ origin: "another gateway" });
  const done = put();
  await until(() => started.length === 1);
  started[0]?.({} as never);
  chosen.resolve("w1");
  await done;
  expect(published).toEqual([]);
  expect(phaseOf(run)).toBe("elsewhere");
  expect(started).toHaveLength(1);
});

it("asks for a promised slot once, and after a refusal leaves the sequence to any worker", async () => {
  const { put, chosen, published, refusals, publisher } = setUp();
  chosen.resolve("w1");
  refusals.push(new WaggleError("resource_exhausted", "Full."));
  const done = put();
  await until(() => publisher.full);
  publisher.wake();
  await done;
  expect(published).toEqual(["w1", undefined]);
});

it("notes that a sequence is published when a worker takes it although the answer of NATS is lost", async () => {
  const taken = deferred<void>();
  const { run, put, chosen, published, noted, refusals } = setUp({ taken });
  chosen.resolve(undefined);
  refusals.push(new WaggleError("unavailable", "Timeout."));
  const done = put();
  await until(() => published.length === 1);
  apply(run, "record");
  taken.resolve();
  await done;
  expect(published).toHaveLength(1);
  expect(noted).toEqual(["job"]);
});

it.each([
  ["ends after 30 s of failed attempts, and holds back no other sequence", "unavailable", false],
  ["waits for room in the queue without a limit, and holds back others", "resource_exhausted", true],
] as const)("a sequence %s", async (_, code, isFull) => {
  const { put, chosen, published, refusals, publisher, clock, ends } = setUp();
  chosen.resolve(undefined);
  refusals.push(...Array.from({ length: 40 }, () => new WaggleError(code, "Denied.")));
  const done = put();
  for (let tries = 1; tries <= 30; tries += 1) {
    await until(() => published.length === tries);
    await until(() => clock.pending === 1);
    expect([publisher.full, ends]).toEqual([isFull, []]);
    clock.advance(1_000);
  }
  await until(() => published.length === 31);
  if (isFull) return;
  await done;
  expect(ends).toEqual([
    "unavailable: Cannot hand the job to the fleet: all attempts of 30 s failed. The last error: Denied.",
  ]);
});
