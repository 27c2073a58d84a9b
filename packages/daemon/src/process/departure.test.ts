import { createLogger } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { expect, test } from "vitest";
import { createDeparture } from "./departure.ts";
import type { DepartureOptions } from "./departure.ts";

function start({
  jobs = 1,
  refusing,
  takeDown,
  cut = 0,
  handed = 0,
}: {
  jobs?: number;
  handed?: number;
  refusing?: Promise<void>;
  takeDown?: DepartureOptions["takeDown"];
  cut?: number;
} = {}) {
  const clock = createFakeClock();
  const done: string[] = [];
  const told: string[] = [];
  let finish = (): void => {};
  let live = jobs;
  const idle = new Promise<void>((resolve) => {
    finish = () => {
      live = 0;
      resolve();
    };
  });
  const departure = createDeparture({
    clock,
    // A warning would repeat the words of the screen.
    log: createLogger({
      ...{ level: "warn", format: "json", name: "departure" },
      destination: { write: (line) => void told.push(line) },
    }),
    drainTimeoutMs: 1_000,
    async refuse() {
      done.push("refuse");
      await refusing;
    },
    idle: () => idle,
    liveJobs: () => live,
    jobsToHandOver: () => handed,
    cutJobs: () => cut,
    onLeaving: ({ running, interrupted }) => void told.push(`leaving ${running}${interrupted ? " by Ctrl-C" : ""}`),
    onCutting: (running) => void told.push(`cutting ${running}`),
    takeDown: takeDown ?? (async () => void done.push("take down")),
  });
  return { clock, done, told, finish, departure, turn: async () => await new Promise(setImmediate) };
}

test("a drain that ended jobs unfinished before its time limit has the exit code of an abort", async () => {
  const { departure, finish } = start({ cut: 1 });
  departure.drain(143);
  finish();
  expect(await departure.stopped).toBe(143);
});

test("a drain waits for running jobs, and closes only once even if it is requested again", async () => {
  const { departure, done, finish, turn } = start();
  departure.drain(130);
  departure.drain(131);
  expect(done).toEqual(["refuse"]);
  await turn();
  finish();
  expect(await departure.stopped).toBe(0);
  expect(done).toEqual(["refuse", "take down"]);
});

test.each(["time", "abort"] as const)(
  "a drain that is cut short by %s says so, once, and in its exit code",
  async (by) => {
    const { departure, clock, told, turn } = start();
    departure.drain(143);
    await turn();
    if (by === "time") clock.advance(1_000);
    else departure.abort(1);
    expect(await departure.stopped).toBe(143);
    expect(told).toEqual(["leaving 1", "cutting 1"]);
  },
);

test("a drain whose remaining jobs continue at another server has not ended any job", async () => {
  const { departure, clock, told, turn } = start({ handed: 1 });
  departure.drain(143);
  await turn();
  clock.advance(1_000);
  expect(await departure.stopped).toBe(0);
  expect(told).toEqual(["leaving 1"]);
});

const never = new Promise<void>(() => {});

test("an abort while jobs are handed over ends the hand-over and the drain", async () => {
  const { departure, told, turn } = start({ refusing: never });
  departure.drain(130);
  await turn();
  departure.abort(130);
  expect(await departure.stopped).toBe(130);
  expect(told).toEqual(["leaving 1 by Ctrl-C", "cutting 1"]);
});

test("handing jobs over has a time limit, after which the drain continues", async () => {
  const { departure, clock, done, finish, turn } = start({ refusing: never });
  departure.drain(143);
  clock.advance(1_000);
  await turn();
  finish();
  expect(await departure.stopped).toBe(0);
  expect(done).toEqual(["refuse", "take down"]);
});

test("an abort of a drain gives ended streams time to close, and a second abort ends this wait", async () => {
  const flushed: boolean[] = [];
  let flushing = (): void => {};
  const whenFlushing = new Promise<void>((resolve) => (flushing = resolve));
  const { departure, turn } = start({
    async takeDown(before) {
      flushing();
      flushed.push(await before(never, 1_000));
    },
  });
  departure.drain(130);
  departure.abort(130);
  await whenFlushing;
  await turn();
  expect(flushed).toEqual([]);
  departure.abort(130);
  expect(await departure.stopped).toBe(130);
  expect(flushed).toEqual([false]);
});

test.each([
  [130, "leaving 2 by Ctrl-C"],
  [143, "leaving 2"],
])("the screen shows the reason for leaving (%d)", async (code, words) => {
  const { departure, told, turn } = start({ jobs: 2 });
  departure.drain(code);
  await turn();
  expect(told).toEqual([words]);
});

test("an abort does not wait for jobs", async () => {
  const { departure, done } = start();
  departure.abort(75);
  expect(await departure.stopped).toBe(75);
  expect(done).toEqual(["refuse", "take down"]);
});
