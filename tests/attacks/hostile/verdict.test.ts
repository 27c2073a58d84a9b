// Tests that the verdict reports every requirement that a hostile run breaks, and none for a run without problems.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ask, isNoAnswer, type AskOptions } from "@waggle/testing/hostile";
import { describe, expect, it } from "vitest";
import { hostileFailures, memoryFigures, type HostileFigures } from "./verdict.ts";

const memory = { max_mib: 200, end_mib: 190, growth: 0.02 };
const control: HostileFigures = {
  kind: "control",
  duration_s: 60,
  streams: 12,
  gap_ms: { p50: 5, p95: 20, max: 80 },
  accepted_ms: { p50: 3, p95: 5, max: 9 },
  first_token_ms: { p50: 30, p95: 40, max: 40 },
  lag_ms: { p50: 1, p95: 3, max: 9 },
  failures: [],
  worker: memory,
  engine: memory,
  engine_deaths: 0,
  jobs_left: 0,
  answers: { 200: 900 },
};
const answers = { 0: 40, 200: 300, 400: 500, none: 2 };
const hostile: HostileFigures = { ...control, kind: "hostile", answers, gap_ms: { ...control.gap_ms, max: 580 } };

describe("the verdict", () => {
  it("reports nothing for runs without problems", () => {
    expect(hostileFailures(control, hostile)).toEqual([]);
  });

  it.each([
    ["a pause", { gap_ms: { ...control.gap_ms, max: 581 } }, /paused for 581 ms/],
    ["a broken honest stream", { failures: ["The stream broke"] }, /The stream broke/],
    ["a run without measurements", { streams: 0 }, /no honest stream/],
    ["attackers whose tokens were refused", { answers: { 401: 900 } }, /no client of the crowd was answered with 200/],
    ["a crowd that sent nothing", { answers: {} }, /no client of the crowd was answered with 200/],
    ["attacks without a refusal", { answers: { 0: 40, 200: 300 } }, /no attack was refused/],
    ["a dead engine", { engine_deaths: 1 }, /engine deaths is 1 where 0/],
    ["remaining jobs", { jobs_left: 2 }, /jobs left is 2 where 0/],
    ["memory over the limit", { worker: { ...memory, max_mib: 769 } }, /worker held 769 MiB/],
    ["memory that keeps growing", { engine: { ...memory, end_mib: 500, growth: 0.11 } }, /engine grew by 11 %/],
  ] as const)("finds %s", (_, change, failure) => {
    expect(hostileFailures(control, { ...hostile, ...change }).join()).toMatch(failure);
  });
});

it("requires answers for the well-behaved crowd too", () => {
  expect(hostileFailures({ ...control, answers: { 401: 900 } }, hostile)).toHaveLength(1);
});

it("distinguishes a missing answer from an error in the attack's code", async () => {
  await using server = createServer(() => {}).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const thrown = (options: AskOptions): Promise<unknown> =>
    ask(`http://127.0.0.1:${port}`, { name: "x", method: "GET", path: "/" }, options).catch((error: unknown) => error);
  expect(isNoAnswer(await thrown({ timeoutMs: 20 }))).toBe(true);
  expect(isNoAnswer(Object.assign(new Error("no route"), { code: "EHOSTUNREACH" }))).toBe(true);
  expect(isNoAnswer(await thrown({ headers: { x: "\n" } }))).toBe(false);
  expect(isNoAnswer(new TypeError("x is not a function"))).toBe(false);
});

it("distinguishes memory that stops rising from memory that keeps rising", () => {
  expect(memoryFigures([100, 300, 300, 300, 300, 300, 300, 300])).toMatchObject({ max_mib: 300, growth: 0 });
  expect(memoryFigures([100, 120, 140, 160, 180, 200, 220, 240]).growth).toBeGreaterThan(0.1);
});
