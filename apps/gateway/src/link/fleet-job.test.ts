import type { GatewayProcessId } from "@waggle/fleet";
import type { JobSpec, JobTerms } from "@waggle/jobs";
import { SamplingSchema } from "@waggle/protocol";
import { expect, test } from "vitest";
import { fleetJobOf } from "./fleet-job.ts";

const options = {
  gateway: "g" as GatewayProcessId,
  onWorkerLoss: "resume",
  reconnectGraceMs: 5_000,
  retryGraceMs: 30_000,
  pictures: undefined,
} as const;
const spec: JobSpec = {
  model: "m",
  who: { client: "a", trace: "t" },
  when: { priority: 0, onDisconnect: "cancel", direct: true },
  work: {
    kind: "generate",
    prompt: { kind: "text", text: "x" },
    choices: 2,
    sampling: SamplingSchema.parse({ seed: 2 ** 32 - 1 }),
    stop: [],
  },
};
const made = (change: Partial<JobTerms> = {}, choice = 0) =>
  fleetJobOf("f", { id: "c", spec: { ...spec, when: { ...spec.when, ...change } } }, { choice }, options);

test.each([
  ["not at all, if only the lost connection could read its stream", {}, 0],
  ["while its client may send the request again", { retriable: true }, 30_000],
  ["while its client may come back to its stream", { direct: false }, 5_000],
  ["for ever, if it runs without a reader", { direct: false, onDisconnect: "continue" as const }, null],
])("how long a job lives without a gateway: %s", (_what, change, orphanMs) => {
  expect(made(change).orphanMs).toBe(orphanMs);
});

test("a request's `on_worker_loss` overrides the gateway's setting", () => {
  expect(made().onWorkerLoss).toBe("resume");
  expect(made({ onWorkerLoss: "error" }).onWorkerLoss).toBe("error");
});

test("each choice is a separate job, with the seed that it would have on one worker", () => {
  expect(made({}, 1).spec.work).toMatchObject({ choices: 1, sampling: { seed: 0 } });
});
