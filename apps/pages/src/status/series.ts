// Owns the series of the status page's charts, from scrapes. Pure.
import type { Figure } from "../parts/chart.tsx";
import { growth, quantile, total } from "./prometheus.ts";
import type { Quantile, Scrape } from "./prometheus.ts";

export interface TimedScrape {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly values: Scrape;
}

/** Latencies are computed over a window, because two scrapes may have at most one request between them. */
const latencyWindowMs = 30_000;

/** Scrapes that are further apart give no value: the page was hidden, or the worker was offline. */
const longestGapMs = 10_000;

export type Latencies = readonly (Quantile | undefined)[];

export interface StatusSeries {
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly tokensPerSecond: readonly Figure[];
  readonly batchWidth: readonly Figure[];
  readonly slotsBusy: readonly Figure[];
  readonly queueDepth: readonly Figure[];
  /** Milliseconds. */
  readonly ttftP50: Latencies;
  readonly ttftP95: Latencies;
  readonly itlP50: Latencies;
  readonly itlP95: Latencies;
  readonly stepP50: Latencies;
  readonly stepP95: Latencies;
}

export function seriesOf(scrapes: readonly TimedScrape[]): StatusSeries {
  const pairs = scrapes.slice(1).map((after, i) => ({ before: scrapes[i] ?? after, after }));
  const each = (figure: (before: TimedScrape, after: TimedScrape) => Figure): Figure[] =>
    pairs.map(({ before, after }) => (after.at - before.at > longestGapMs ? undefined : figure(before, after)));
  const latency = (histogram: string, q: number): Latencies =>
    pairs.map(({ after }) => {
      const start = scrapes.find(({ at }) => at >= after.at - latencyWindowMs) ?? after;
      const seconds = quantile(q, histogram, start.values, after.values);
      return seconds && { guess: seconds.guess * 1_000, atMost: seconds.atMost * 1_000 };
    });
  return {
    times: pairs.map(({ after }) => after.at / 1_000),
    tokensPerSecond: each(
      (before, after) =>
        (growth("waggle_tokens_generated_total", before.values, after.values) * 1_000) / (after.at - before.at),
    ),
    batchWidth: each((before, after) => {
      const steps = growth("waggle_batch_width_count", before.values, after.values);
      return steps > 0 ? growth("waggle_batch_width_sum", before.values, after.values) / steps : undefined;
    }),
    slotsBusy: each((_, after) => total("waggle_slots_busy", after.values)),
    queueDepth: each((_, after) => total("waggle_queue_depth", after.values)),
    ttftP50: latency("waggle_ttft_seconds", 0.5),
    ttftP95: latency("waggle_ttft_seconds", 0.95),
    itlP50: latency("waggle_itl_seconds", 0.5),
    itlP95: latency("waggle_itl_seconds", 0.95),
    stepP50: latency("waggle_step_seconds", 0.5),
    stepP95: latency("waggle_step_seconds", 0.95),
  };
}
