import { deferred } from "@waggle/async";
import type { GatewayProcessId, SessionRecord } from "@waggle/fleet";
import type { Job } from "@waggle/jobs";
import { createFakeClock } from "@waggle/testing";
import { createLogger } from "@waggle/telemetry";
import { expect, it } from "vitest";
import { createSessionClaims } from "./session-claims.ts";

function liveJob(id: string): Job {
  const spec = { who: { client: "a", sessionId: "s", trace: "t" } };
  return { id, spec, state: { phase: { name: "queued" } }, ended: deferred<void>() } as unknown as Job;
}

it("leaves a session to its newest job when the claim of an older job is slow and the older job ends meanwhile", async () => {
  const slow = deferred<void>();
  let held: SessionRecord | undefined;
  const claims = createSessionClaims({
    side: {
      connected: true,
      now: () => 7,
      isAlive: () => true,
      end: async () => true,
      cancel: async () => {},
      records: {} as never,
      sessions: {
        get: async () => held,
        async claim(_client, _session, record) {
          if (record.jobId === "old") await slow.promise;
          const before = held;
          held = record;
          return { before };
        },
        async release(_client, _session, { jobId }) {
          await Promise.resolve();
          if (held?.jobId === jobId) held = undefined;
        },
      },
    },
    supersede: () => {},
    gateway: "g1" as GatewayProcessId,
    clock: createFakeClock(),
    log: createLogger({ level: "silent", format: "json", name: "test" }),
  });
  const [old, next] = [liveJob("old"), liveJob("new")];
  claims.begin(old);
  claims.begin(next);
  old.ended.resolve();
  slow.resolve();
  await Promise.all([claims.sessionFree(old), claims.sessionFree(next)]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(held).toEqual({ gateway: "g1", jobId: "new", acceptedAt: 7 });
});
