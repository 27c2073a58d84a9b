// Measures how long the engine takes per token to split an answer into its parts, by formats derived from real templates. For comparison, the
// same answer is read as plain text. The templates themselves write the answers.
import { createReader } from "@waggle/chat-format/format";
import { createAnswerParts } from "@waggle/engine";
import { integerOf, markdownTable, median, percentile } from "@waggle/testing/harness";
import type { Command } from "commander";
import { openSubjects, type AnswerToken, type Subject } from "./lib/answers.ts";

/** Rounds until V8 has compiled the hot code. */
const warmUpRounds = 30;
/** Upper limit of the medians, in microseconds. */
const limit = 2;

interface Cost {
  /** Nanoseconds of each token, without the time for reading the clock. */
  readonly each: readonly number[];
  /** Nanoseconds per token, measured over whole answers. */
  readonly mean: number;
}

export function addReader(command: Command): void {
  command.option("--rounds <n>", "answers of each kind", "200").action(async (flags: { readonly rounds: string }) => {
    const rounds = integerOf("--rounds", flags.rounds, 1, 100_000);
    const subjects = await openSubjects();
    const clockNs = clockCost();
    const rows = subjects.map((subject): string[] => {
      const read = costOf(subject, true, rounds, clockNs);
      const plain = costOf(subject, false, rounds, clockNs);
      return [subject.name, subject.template, String(subject.tokens.length), ...cellsOf(read), ...cellsOf(plain)];
    });
    console.log(
      `Microseconds per token, ${rounds} answers each, without ${(clockNs / 1_000).toFixed(2)} for reading the clock.\n`,
    );
    console.log(
      markdownTable(
        ["part", "template", "tokens", "read: median", "p99", "mean", "plain: median", "p99", "mean"],
        rows,
      ),
    );
    const slowest = Math.max(...rows.map((row) => Number(row[3])));
    console.log(`\nThe slowest median is ${slowest} us; the limit is ${limit} us.`);
    process.exitCode = slowest < limit ? 0 : 1;
  });
}

function costOf(subject: Subject, reads: boolean, rounds: number, clockNs: number): Cost {
  for (let round = 0; round < warmUpRounds; round += 1) answer(subject, reads);
  const each = Array.from({ length: rounds }, () => timedAnswer(subject, reads, clockNs)).flat();
  const means = Array.from({ length: rounds }, () => {
    const before = process.hrtime.bigint();
    answer(subject, reads);
    return Number(process.hrtime.bigint() - before) / subject.tokens.length;
  });
  return { each, mean: median(means) };
}

function open({ format, tools, said }: Subject, reads: boolean) {
  return createAnswerParts([], reads ? createReader({ format, tools, start: { said } }) : undefined);
}

/** The time includes the creation of the reader, as in the engine. */
function answer(subject: Subject, reads: boolean): void {
  const text = open(subject, reads);
  for (const { bytes, mark } of subject.tokens) text.push(bytes, reads ? mark : undefined);
  text.end();
}

function timedAnswer(subject: Subject, reads: boolean, clockNs: number): number[] {
  const text = open(subject, reads);
  return subject.tokens.map(({ bytes, mark }: AnswerToken) => {
    const before = process.hrtime.bigint();
    text.push(bytes, reads ? mark : undefined);
    return Math.max(0, Number(process.hrtime.bigint() - before) - clockNs);
  });
}

function clockCost(): number {
  const costs = Array.from({ length: 100_000 }, () => {
    const before = process.hrtime.bigint();
    return Number(process.hrtime.bigint() - before);
  });
  return median(costs.slice(costs.length / 2));
}

function cellsOf({ each, mean: whole }: Cost): string[] {
  return [median(each), percentile(each, 0.99), whole].map((ns) => (ns / 1_000).toFixed(2));
}
