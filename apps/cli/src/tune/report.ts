// Formats what `waggle tune` found: a table of variants, a table of threads, the best settings, and the change of the settings file.
import type { AttentionCosts } from "@waggle/protocol";
import type { Speeds } from "@waggle/worker/tune";
import { formatBytes } from "@waggle/daemon/terminal";
import { formatTable, numbers, texts, type Column } from "../terminal/table.ts";
import { attentionWords } from "../worker/attention-words.ts";
import { gainOf, isChoosable, leastGainOf, type Best, type Result, type Rule } from "./choose.ts";
import { present, type Variant } from "./variants.ts";

export interface Failed {
  readonly variant: Variant;
  readonly reason: string;
}

export interface TuneReport {
  readonly model: string;
  readonly slots: number;
  readonly promptTokens: number;
  /** The present settings with each number of threads. */
  readonly threads: readonly Speeds[];
  /** The attention of the present settings; undefined where the engine did not measure it. */
  readonly attention: { readonly costs: AttentionCosts; readonly hasFlash: boolean } | undefined;
  readonly results: readonly Result[];
  readonly failed: readonly Failed[];
  readonly rule: Rule;
  /** Undefined if no other settings are noticeably faster. */
  readonly chosen: Result | undefined;
}

const wholeFrom = 100;
/** A difference of the present settings from themselves above which the user should measure again. */
const noisy = 0.1;

export function formatReport(report: TuneReport): string {
  return [formatVariants(report), formatThreads(report), formatAttention(report) + formatChoice(report)].join("\n");
}

function formatVariants({ results, failed, rule, slots, promptTokens }: TuneReport): string {
  const columns = [...texts("settings"), ...speedColumns(slots), ...numbers("memory", "difference")];
  const rows = results.map(({ variant, best, rssBytes }) => [
    variant.name,
    ...speedCells(best, slots),
    formatBytes(rssBytes),
    variant === present ? "" : formatGain(gainOf(best, rule.now)),
  ]);
  const problems = failed.map(({ variant, reason }) => `${variant.name}: ${reason}\n`);
  return `${formatTable(columns, rows)}${problems.join("")}Tokens per second, after a prompt of ${promptTokens} tokens.\n`;
}

function formatThreads({ threads, slots }: TuneReport): string {
  if (threads.length < 2) return "";
  const rows = threads.map((one) => [String(one.threads), ...speedCells(one, slots)]);
  const table = formatTable([...numbers("threads"), ...speedColumns(slots)], rows);
  return `${table}The engine chooses the number of threads itself, for each step.\n`;
}

function formatAttention({ attention }: TuneReport): string {
  return attention === undefined ? "" : `Attention: ${attentionWords(attention.costs, attention.hasFlash)}.\n`;
}

function formatChoice({ chosen, results, rule, model }: TuneReport): string {
  const least = formatShare(leastGainOf(rule));
  const why = `geometric mean of the speeds; differences up to ${least} do not count`;
  const lines: string[] = [];
  if (chosen === undefined) lines.push(`No other setting is noticeably faster (${why}).`);
  else {
    lines.push(`Best: ${chosen.variant.name}, ${formatGain(gainOf(chosen.best, rule.now))} (${why}).`);
    lines.push(`  waggle serve ${model} ${flagsOf(chosen.variant)}`);
  }
  if (Math.abs(rule.noise) > noisy) {
    lines.push(
      `The present settings differed from themselves by ${formatShare(Math.abs(rule.noise))}: other programs use the machine. Measure again when it is quiet.`,
    );
  }
  for (const { variant, best } of results) {
    if (isChoosable(variant, rule) || gainOf(best, rule.now) <= leastGainOf(rule)) continue;
    lines.push(
      `${variant.name} is faster, ${formatGain(gainOf(best, rule.now))}, but changes answers slightly: --allow-cache-type lets it be chosen.`,
    );
  }
  return lines.map((line) => `${line}\n`).join("");
}

function flagsOf({ flags }: Variant): string {
  return Object.entries(flags)
    .map(([name, value]) => `--${name} ${value}`)
    .join(" ");
}

function speedColumns(slots: number): readonly Column[] {
  return numbers("prompt", "1 stream", ...(slots > 1 ? [`${slots} streams`] : []));
}

function speedCells({ prompt, one, all }: Best, slots: number): string[] {
  return [prompt, one, ...(slots > 1 ? [all] : [])].map((speed) => speed.toFixed(speed < wholeFrom ? 1 : 0));
}

function formatGain(gain: number): string {
  return `${gain < 0 ? "−" : "+"}${formatShare(Math.abs(gain))}`;
}

function formatShare(share: number): string {
  return `${Math.round(share * 100)} %`;
}

interface SpeedData {
  readonly prompt_tokens_per_second: number;
  readonly one_stream_tokens_per_second: number;
  readonly all_streams_tokens_per_second: number;
}

interface VariantData {
  readonly name: string;
  readonly settings: Variant["flags"];
}

/** What `--json` prints. */
export interface ReportData {
  readonly model: string;
  readonly slots: number;
  readonly prompt_tokens: number;
  readonly variants: readonly (VariantData & SpeedData & { readonly rss_bytes: number; readonly gain: number })[];
  readonly failed: readonly (VariantData & { readonly reason: string })[];
  readonly threads: readonly (SpeedData & { readonly threads: number })[];
  readonly flash_attention?: boolean;
  readonly attention_costs?: AttentionCosts;
  /** Smaller gains do not count. */
  readonly least_gain: number;
  /** The settings that are faster than the present ones; empty if no others are faster. */
  readonly best: Variant["flags"];
}

export function reportData(report: TuneReport): ReportData {
  const { model, slots, promptTokens, threads, attention, results, failed, rule, chosen } = report;
  return {
    model,
    slots,
    prompt_tokens: promptTokens,
    variants: results.map(({ variant, best, rssBytes }) => ({
      ...{ name: variant.name, settings: variant.flags, ...speedData(best) },
      ...{ rss_bytes: rssBytes, gain: gainOf(best, rule.now) },
    })),
    failed: failed.map(({ variant, reason }) => ({ name: variant.name, settings: variant.flags, reason })),
    threads: threads.map((one) => ({ threads: one.threads, ...speedData(one) })),
    ...(attention === undefined ? {} : { flash_attention: attention.hasFlash, attention_costs: attention.costs }),
    least_gain: leastGainOf(rule),
    best: chosen?.variant.flags ?? {},
  };
}

function speedData({ prompt, one, all }: Best): SpeedData {
  return { prompt_tokens_per_second: prompt, one_stream_tokens_per_second: one, all_streams_tokens_per_second: all };
}

/** The lines that an edit removes and adds, with the lines around them left out. */
export function formatDiff(file: string, before: string, after: string): string {
  const [old, next] = [linesOf(before), linesOf(after)];
  const common = longestCommon(old, next);
  const lines: string[] = [];
  let [i, j] = [0, 0];
  for (const [a, b] of [...common, [old.length, next.length] as const]) {
    while (i < a) lines.push(`- ${old[i++]}`);
    while (j < b) lines.push(`+ ${next[j++]}`);
    [i, j] = [a + 1, b + 1];
  }
  return `${file}\n${lines.map((line) => `${line}\n`).join("")}`;
}

function linesOf(text: string): readonly string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** Pairs of the places of lines that stay, found greedily: the edits are few and short. */
function longestCommon(old: readonly string[], next: readonly string[]): (readonly [number, number])[] {
  const pairs: [number, number][] = [];
  let from = 0;
  for (const [i, line] of old.entries()) {
    const at = next.indexOf(line, from);
    // An equal line that is far away is another line: this line was changed.
    if (at === -1 || at - from > maxAddedLines) continue;
    pairs.push([i, at]);
    from = at + 1;
  }
  return pairs;
}

/** An edit adds the settings of one model. */
const maxAddedLines = 8;
