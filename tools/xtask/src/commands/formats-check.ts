// Owns the command formats:check: its options, how many workers run at once, what it prints and its exit code.
import { llamaCases, notInGrammar } from "@waggle/chat-format/testing";
import { llamaTemplates } from "@waggle/chat-template/testing/llama-templates";
import type { Command as Program } from "commander";
import { checkTemplate, type CaseVerdict } from "../lib/formats/check-template.ts";
import { formatsReport } from "../lib/formats/verdict.ts";
import { integerOf, namedOf } from "../lib/options.ts";
import { showProgress } from "../lib/progress-line.ts";
import { guarded } from "../lib/signals.ts";

interface Flags {
  readonly template?: readonly string[];
  readonly sample: string;
  readonly workers: string;
}

const mostCases = 1_000;
const mostWorkers = 64;

const help = `
Each case is asked of a real worker over HTTP. Its model is a made-up one that says the case's text in real tokens, the family's markers as
the control or user-defined tokens that they are in converted files. "whole" is the message at the stream's end, "by characters" what its
token events come to. A grammar holds each answer of a request with tools or a schema. Cases whose text the grammar does not allow are left out;
packages/chat-format/src/testing/not-in-grammar.ts lists each with its reason.
At least 97 % over all and 80 % of each template have to be read as llama.cpp does; where a template has fewer than five cases, all but one.`;

export function addFormatsCheck(program: Program): void {
  const oneMore = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];
  program
    .command("formats:check")
    .description("ask workers in each model family's format what llama.cpp expects of its own templates")
    .option("--template <name>", "only this one; again for a further one", oneMore)
    .option("--sample <n>", "only the first so many cases of each template", String(mostCases))
    .option("--workers <n>", "how many run at once", "2")
    .addHelpText("after", help)
    .action(formatsCheck);
}

function formatsCheck(flags: Flags): Promise<void> {
  return guarded("formats:check", async (groups, ending) => {
    const sample = integerOf("--sample", flags.sample, 1, mostCases);
    const workers = integerOf("--workers", flags.workers, 1, mostWorkers);
    const sources = llamaTemplates();
    const { cases } = llamaCases();
    // A prompt that says a part of the answer is another request, which only this side can make.
    const possible = cases.filter(({ continued }) => continued === undefined);
    const asked = possible.filter(({ name }) => !Object.hasOwn(notInGrammar, name));
    const all = [...new Set(asked.map(({ template }) => template))].map((name) => ({
      name,
      cases: asked.filter(({ template }) => template === name),
    }));
    const left = namedOf("Cannot check the template", all, flags.template).map(({ name, cases: its }) => ({
      ...{ groups, template: name, source: sources.get(name) as string, cases: its.slice(0, sample) },
    }));
    const total = left.reduce((sum, { cases: its }) => sum + its.length, 0);
    const verdicts: CaseVerdict[] = [];
    const onVerdict = (verdict: CaseVerdict): void => {
      verdicts.push(verdict);
      showProgress(`${verdicts.length} of ${total}  ${verdict.name}`);
    };
    const work = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        ending.signal.throwIfAborted();
        await checkTemplate({ ...next, onVerdict });
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
    ending.signal.throwIfAborted();
    showProgress("");
    const { ok, text } = formatsReport(verdicts);
    const leftOut = possible.length - asked.length;
    process.stdout.write(`Left out, because the grammar does not allow their text: ${leftOut} cases\n\n${text}`);
    process.exitCode = ok ? 0 : 1;
  });
}
