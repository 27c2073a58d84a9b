import { deferred } from "@waggle/async";
import { expect, test, vi } from "vitest";
import type { Dispatcher } from "./dispatcher-port.ts";
import type { Job } from "../job/job.ts";
import type { JobSpec } from "../job/job-spec.ts";
import { createModelRouter } from "./model-router.ts";

const spec = { model: "m" } as JobSpec;
const waiting = { spec: { who: {} }, state: { phase: { name: "queued" } } };

function routerTo(submit: Dispatcher["submit"]) {
  const [end, pause, resume] = [vi.fn<(job?: Job) => void>(), vi.fn(), vi.fn()];
  const host = { dispatcher: { submit } as Dispatcher };
  const use = vi.fn(() => ({ end, pause, resume }));
  return { router: createModelRouter({ hosts: () => [host], hostOf: () => host, use }), use, end, pause, resume };
}

test("a job needs its model from its submission until its end", async () => {
  const accepted = deferred<Job>();
  const { router, use, end } = routerTo(() => accepted.promise);
  const submitted = router.submit(spec);
  expect(use).toHaveBeenCalledOnce();
  const job = { ...waiting, ended: deferred<void>() } as unknown as Job;
  accepted.resolve(job);
  expect(await submitted).toBe(job);
  expect(end).not.toHaveBeenCalled();
  job.ended.resolve();
  await job.ended.promise;
  expect(end.mock.calls).toEqual([[job]]);
});

test("a job does not need its model while its calls run", async () => {
  const job = { ...waiting, ended: deferred<void>() } as unknown as Job;
  const { router, pause, resume } = routerTo(() => Promise.resolve(job));
  await router.submit(spec);
  router.observe(job, { type: "calling" }, "m");
  expect([pause, resume].map(({ mock }) => mock.calls.length)).toEqual([1, 0]);
  router.observe(job, { type: "continues" }, "m");
  expect([pause, resume].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
});

test("a refused submission no longer needs the model", async () => {
  const { router, end } = routerTo(() => Promise.reject(new Error("The queue is full")));
  await expect(router.submit(spec)).rejects.toThrow("The queue is full");
  expect(end.mock.calls).toEqual([[]]);
});

test("a submission whose model cannot be used is not submitted", () => {
  const submit = vi.fn<Dispatcher["submit"]>();
  const { router, use } = routerTo(submit);
  use.mockImplementation(() => {
    throw new Error("Cannot make room");
  });
  expect(() => router.submit(spec)).toThrow("Cannot make room");
  expect(submit).not.toHaveBeenCalled();
});
