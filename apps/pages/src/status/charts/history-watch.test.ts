// Tests that a page begins with the server's history, then asks only for what is new, and shows gaps.
import { expect, it } from "vitest";
import type { HistoryPoint } from "@waggle/protocol";
import type { Api } from "../../wire/api.ts";
import { createHistoryWatch, momentsOf, pointsLimit } from "./history-watch.ts";

const began = Date.parse("2026-01-01T10:00:00.000Z");
const point = (second: number, span = 10): HistoryPoint => ({
  ...{ tokens_per_second: 1, prompt_tokens_per_second: 1, running: 1, waiting: 0, accepted: 1, errors: {} },
  at: new Date(began + second * 1_000).toISOString(),
  span_ms: span * 1_000,
});
const secondsOf = (moments: readonly { readonly time: number; readonly point: unknown }[]) =>
  moments.map(({ time, point: known }) => (known === undefined ? "gap" : time - began / 1_000));

it("reads the whole history, then only newer points, and replaces the point in progress", async () => {
  const asked: string[] = [];
  const answers = [
    { points: [point(10), point(20)], now: point(23, 3) },
    { points: [], now: point(25, 5) },
    { points: [point(30)] },
  ];
  const request = (path: string): Promise<Response> => {
    asked.push(path);
    const answer = answers.shift();
    return Promise.resolve(answer === undefined ? new Response(null, { status: 503 }) : Response.json(answer));
  };
  const watch = createHistoryWatch({ request } as unknown as Api);
  const seen: unknown[] = [];
  for (let i = 0; i < 4; i++) {
    await watch.ask();
    seen.push(secondsOf(watch.moments.value));
  }
  expect(seen).toEqual([
    [10, 20, 23],
    [10, 20, 25],
    [10, 20, 30],
    [10, 20, 30],
  ]);
  expect(asked.slice(0, 2)).toEqual(["/v1/history", "/v1/history?after=2026-01-01T10:00:20.000Z"]);
});

it("keeps the points of an hour", async () => {
  const points = Array.from({ length: pointsLimit + 3 }, (_, i) => point(10 * i));
  const request = () => Promise.resolve(Response.json({ points }));
  const watch = createHistoryWatch({ request } as unknown as Api);
  await watch.ask();
  expect(watch.moments.value).toHaveLength(pointsLimit);
});

it("has a gap where no point describes the time", () => {
  expect(secondsOf(momentsOf([point(10), point(20), point(100), point(112, 12)]))).toEqual([10, 20, "gap", 100, 112]);
});
