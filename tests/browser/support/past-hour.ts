// Gives a page the history of a daemon that has run for an hour: the daemon's answer, with points before it.
import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";

interface Point {
  readonly at: string;
  readonly span_ms: number;
}

const intervalMs = 10_000;
const pointCount = 354;

/** @param point figures of all points of the past */
export async function addPastHour(page: Page, point: object): Promise<void> {
  await page.route("**/v1/history*", async (route) => {
    const response = await route.fetch();
    const own = (await response.json()) as { points: Point[]; now?: Point };
    const [first = own.now] = own.points;
    const end = first === undefined ? Date.now() : Date.parse(first.at) - first.span_ms;
    const past = Array.from({ length: pointCount }, (_, i) => ({
      ...point,
      at: new Date(end - (pointCount - 1 - i) * intervalMs).toISOString(),
      span_ms: intervalMs,
    }));
    const isFirst = !new URL(route.request().url()).searchParams.has("after");
    await route.fulfill({ response, json: { ...own, points: [...(isFirst ? past : []), ...own.points] } });
  });
}

/** Points at the chart's oldest values until all of this is shown. What arrives meanwhile moves the charts away from the mouse. */
export async function pointAtOldest(chart: Locator, ...shown: readonly Locator[]): Promise<void> {
  const plot = chart.locator(".u-over");
  const point = async (): Promise<void> => await plot.hover({ position: { x: 1, y: 20 } });
  await expect.poll(() => point().then(() => Promise.all(shown.map((one) => one.isVisible())))).not.toContain(false);
}
