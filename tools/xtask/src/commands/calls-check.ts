// Owns the command calls:check: its options, its table and its exit code.
import { markdownTable } from "@waggle/harness";
import { llamaTemplates } from "@waggle/chat-template/testing/llama-templates";
import type { Command as Program } from "commander";
import { checkFamily, type FamilyResult } from "../lib/calls/check-family.ts";
import { callFamilies } from "../lib/calls/families.ts";
import { integerOf, namedOf } from "../lib/options.ts";
import { showProgress } from "../lib/progress-line.ts";
import { guarded } from "../lib/signals.ts";

interface Flags {
  readonly answers: string;
  readonly slots: string;
  readonly only?: readonly string[];
}

const mostAnswers = 100_000;
/** Of a family, before the rest are only counted. */
const shownFaults = 3;

export function addCallsCheck(program: Program): void {
  const names = callFamilies.map(({ template }) => template).join(", ");
  program
    .command("calls:check")
    .description(
      "draw calls at random from the grammars of every way to write them, in a real worker, and validate each",
    )
    .option("--answers <n>", "answers for each family and tool_choice", "200")
    .option("--slots <n>", "answers side by side", "8")
    .option("--only <template...>", `these alone: ${names}`)
    .action(callsCheck);
}

function callsCheck(flags: Flags): Promise<void> {
  return guarded("calls:check", async (groups, ending) => {
    const answers = integerOf("--answers", flags.answers, 1, mostAnswers);
    const slots = integerOf("--slots", flags.slots, 1, 64);
    const all = callFamilies.map((family) => ({ ...family, name: family.template }));
    const results: FamilyResult[] = [];
    for (const family of namedOf("Cannot check template", all, flags.only)) {
      const template = llamaTemplates().get(family.template);
      if (template === undefined) throw new Error(`Cannot check ${family.template}: llama.cpp has no such template`);
      const checked = await checkFamily(family, {
        ...{ groups, template, answers, slots, signal: ending.signal },
        onAnswer: (choice, done) => showProgress(`${family.template}, ${choice}: ${done} of ${answers}`),
      });
      results.push(...checked);
      checked.forEach(tell);
    }
    process.stdout.write(`\n${tableOf(results)}\n`);
    const failed = results.filter((result) => problemsOf(result, slots).length > 0);
    for (const result of failed) {
      const which = `${result.family.template}, ${result.choice}`;
      for (const problem of problemsOf(result, slots)) process.stdout.write(`✗ ${which}: ${problem}\n`);
    }
    process.stdout.write(failed.length === 0 ? "PASSED\n" : "FAILED\n");
    process.exitCode = failed.length === 0 ? 0 : 1;
  });
}

function tell({ family, choice, answers, calls, valid, seconds }: FamilyResult): void {
  const what = `${valid} of ${calls} calls valid in ${answers} answers`;
  process.stdout.write(`${family.template}, ${choice}: ${what}, ${seconds.toFixed(1)} s\n`);
}

/** A slot computes a prompt once at most; none of the others on the same one does again. */
function problemsOf({ faults, promptsComputed }: FamilyResult, slots: number): string[] {
  const rest = faults.length - shownFaults;
  return [
    ...faults.slice(0, shownFaults),
    ...(rest > 0 ? [`and ${rest} more`] : []),
    ...(promptsComputed > slots ? [`the prompt was computed ${promptsComputed} times by ${slots} slots`] : []),
  ];
}

function tableOf(results: readonly FamilyResult[]): string {
  return markdownTable(
    ["calls", "template", "choice", "valid / calls / answers", "prompt", "computed", "tokens a call"],
    results.map((result) => [
      result.family.kind,
      result.family.template,
      result.choice,
      `${result.valid} / ${result.calls} / ${result.answers}`,
      `${result.promptTokens} tokens`,
      `${result.promptsComputed} times, ${result.computedTokens} tokens in all`,
      (result.completionTokens / Math.max(1, result.calls)).toFixed(0),
    ]),
  );
}
