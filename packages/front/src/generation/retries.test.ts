import { deferred } from "@waggle/async";
import type { Job } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import { expect, test } from "vitest";
import { createRetries, retryMarkOf } from "./retries.ts";
import type { FoundJob, RequestFacts } from "./retries.ts";

const facts: RequestFacts = {
  client: "alice",
  route: "POST /v1/completions 0",
  digest: "of the body",
  header: (name) => (name === "idempotency-key" ? "k1" : undefined),
};

function runningJob(id: string): Job {
  return {
    id,
    state: { phase: { name: "running" } },
    log: { firstToken: 0 },
    spec: { work: { kind: "generate" } },
  } as Job;
}

test("when the first try is rejected, all waiting tries share one new job", async () => {
  const first = deferred<FoundJob>();
  let submitted = 0;
  const retries = createRetries({ get: (_, id) => runningJob(id) });
  const mark = retryMarkOf(facts);
  if (mark === undefined) throw new Error("No mark");
  const join = (): Promise<FoundJob> =>
    retries.join(mark, facts, () => {
      submitted += 1;
      return submitted === 1 ? first.promise : Promise.resolve({ job: runningJob("second"), joined: false });
    });
  const tries = [join(), join(), join()];
  first.reject(new WaggleError("resource_exhausted", "The queue is full."));
  await expect(tries[0]).rejects.toThrow("full");
  const others = await Promise.all(tries.slice(1));
  expect(submitted).toBe(2);
  expect(others.map(({ job, joined }) => [job.id, joined])).toEqual([
    ["second", false],
    ["second", true],
  ]);
});

test("a client's requests do not evict other clients' requests", async () => {
  const retries = createRetries({ get: (_, id) => runningJob(id) });
  const join = (client: string, key: string): Promise<FoundJob> =>
    retries.join({ key, again: true, named: true }, { ...facts, client }, () =>
      Promise.resolve({ job: runningJob(`${client} ${key}`), joined: false }),
    );
  await join("bob", "k");
  for (let at = 0; at < 16_385; at += 1) await join("alice", `k${at}`);
  expect((await join("bob", "k")).joined).toBe(true);
});

test("at the limit, only the oldest request is forgotten", async () => {
  const retries = createRetries({ get: (_, id) => runningJob(id) });
  const keys = Array.from({ length: 16_385 }, (_, at) => `k${at}`);
  const join = (key: string): Promise<FoundJob> =>
    retries.join({ key, again: true, named: true }, facts, () =>
      Promise.resolve({ job: runningJob(key), joined: false }),
    );
  for (const key of keys) expect((await join(key)).joined).toBe(false);
  const [oldest = "", ...others] = keys;
  const again = await Promise.all(others.map(join));
  expect(again.map(({ job, joined }) => (joined ? job.id : ""))).toEqual(others);
  expect((await join(oldest)).joined).toBe(false);
});
