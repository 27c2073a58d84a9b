// Tests the limits of ended jobs, and which job is forgotten first at a limit.
import { createFakeClock } from "@waggle/testing";
import { beforeEach, expect, test } from "vitest";
import { createEndedJobs } from "./ended-jobs.ts";
import type { EndedJobs } from "./ended-jobs.ts";
import type { Job } from "../job/job.ts";

let clock = createFakeClock();
let forgotten: string[] = [];
let ended: EndedJobs;

beforeEach(() => {
  clock = createFakeClock();
  forgotten = [];
  const onForgotten = ({ id }: Job): void => void forgotten.push(id);
  ended = createEndedJobs({ clock, windowMs: 1_000, totalBytes: 100, countLimit: 4, onForgotten });
});

function end(id: string, bytes: number, client = "a"): void {
  ended.add({ id, log: { bytes }, vectors: [], spec: { who: { client } }, timers: new Map() } as unknown as Job);
}

test("each job is forgotten after its time, and its timer is cancelled", () => {
  end("1", 10);
  clock.advance(999);
  end("2", 10);
  expect(forgotten).toEqual([]);
  clock.advance(1);
  expect([forgotten, ended.count, ended.bytes]).toEqual([["1"], 1, 10]);
  ended.clear();
  expect([forgotten, ended.count, ended.bytes, clock.pending]).toEqual([["1", "2"], 0, 0, 0]);
});

test("at the limit of bytes, the client with the most bytes loses its oldest jobs", () => {
  end("small", 30, "b");
  end("1", 40);
  end("2", 30);
  expect(forgotten).toEqual([]);
  end("3", 30);
  expect(forgotten).toEqual(["1"]);
  end("large", 50, "b");
  expect([forgotten, ended.bytes]).toEqual([["1", "small", "2"], 80]);
});

test("a job larger than the limit is not kept", () => {
  end("1", 101);
  expect([forgotten, ended.count, ended.bytes]).toEqual([["1"], 0, 0]);
});

test("the number of jobs is limited", () => {
  for (const id of ["1", "2", "3", "4", "5"]) end(id, 1);
  expect([forgotten, ended.count]).toEqual([["1"], 4]);
});

test("many small jobs of one client do not evict the large job of another", () => {
  end("large", 60, "b");
  for (const id of ["1", "2", "3", "4"]) end(id, 1);
  expect([forgotten, ended.count]).toEqual([["1"], 4]);
});
