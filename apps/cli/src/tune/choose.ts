// Chooses the best settings from measured speeds, by one rule: the geometric mean of three speeds, and only noticeable differences count.
import type { Speeds } from "@waggle/worker/tune";
import type { OptionName, Variant } from "./variants.ts";

/** Smaller differences do not count. */
const leastGain = 0.05;

/** The speeds that count, each with the number of threads that is best for it: the engine chooses this number itself. */
export interface Best {
  readonly prompt: number;
  readonly one: number;
  readonly all: number;
}

export interface Result {
  readonly variant: Variant;
  readonly best: Best;
  readonly rssBytes: number;
}

export interface Rule {
  readonly now: Best;
  /** How much the present settings differed from themselves in a second measurement, as a share. */
  readonly noise: number;
  readonly allowCacheType: boolean;
}

export function bestOf(speeds: readonly Speeds[]): Best {
  const most = (name: keyof Best): number => Math.max(...speeds.map((one) => one[name]));
  return { prompt: most("prompt"), one: most("one"), all: most("all") };
}

/** The numbers of threads that are best for one of the speeds. */
export function bestThreads(speeds: readonly Speeds[]): readonly number[] {
  const best = bestOf(speeds);
  return [
    ...new Set(
      (["prompt", "one", "all"] as const).flatMap(
        (name) => speeds.find((one) => one[name] === best[name])?.threads ?? [],
      ),
    ),
  ];
}

/** How much faster than `now`, as a share: the geometric mean of the three ratios, less 1. */
export function gainOf(best: Best, now: Best): number {
  return Math.cbrt((best.prompt / now.prompt) * (best.one / now.one) * (best.all / now.all)) - 1;
}

export function leastGainOf({ noise }: Pick<Rule, "noise">): number {
  return Math.max(leastGain, Math.abs(noise));
}

export function isChoosable({ option }: Variant, { allowCacheType }: Pick<Rule, "allowCacheType">): boolean {
  return option !== "cache-type" || allowCacheType;
}

/** The best value of each option, if it is noticeably faster than the present one. The fastest first. */
export function bestOfEachOption(results: readonly Result[], rule: Rule): readonly Result[] {
  const best = new Map<OptionName | undefined, Result>();
  for (const result of results.toSorted((a, b) => gainOf(b.best, rule.now) - gainOf(a.best, rule.now))) {
    const { variant } = result;
    if (gainOf(result.best, rule.now) <= leastGainOf(rule) || !isChoosable(variant, rule)) continue;
    if (!best.has(variant.option)) best.set(variant.option, result);
  }
  return [...best.values()];
}
