import { deferred, type Deferred } from "@waggle/async";
import type { FleetJob, GatewayProcessId, RecordListener } from "@waggle/fleet";
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
  const started: RecordListener[] = [];
  const job = { id: "job", takenOver: undefined } as unknown as Job;
  const fleetJob = { id: "fleet-job", gateway: origin } as unknown as FleetJob;
  const run = createSequenceRun(job, { uid: "j1" }, { fleetJob, lastRecordAt: 0 });
  const clock = createFakeClock();
  const publisher = createPublisher(
    {
      side: {
        id: "here" as GatewayProcessId,
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
    { onRoom: () => {}, onRefused: () => {} },
  );
  const listener: RecordListener = () => apply(run, "record");
  const put = (): Promise<void> => publisher.put(run, listener, () => fleetJob);
  return { run, put, chosen, published, noted, refusals, started, publisher, clock };
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
  await expect.poll(() => started.length).toBe(1);
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
  await expect.poll(() => publisher.waiting).toBe(1);
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
  await expect.poll(() => published.length).toBe(1);
  apply(run, "record");
  taken.resolve();
  await done;
  expect(published).toHaveLength(1);
  expect(noted).toEqual(["job"]);
});
