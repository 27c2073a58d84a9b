// Tests the format of each model family with real workers: answers are parsed as by llama.cpp, and calls sampled from the grammars are valid.
// A short run tests two templates with a few answers each; a long run tests all.
import { llamaCases, notInGrammar, type LlamaCase } from "@waggle/chat-format/testing";
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { createProcessGroups } from "@waggle/testing/harness";
import { afterEach, describe, expect, test } from "vitest";
import { callFamilies } from "./formats/families.ts";
import { checkCalls, toolChoices } from "./formats/family-calls.ts";
import { checkTemplate, type CaseVerdict } from "./formats/template-cases.ts";
import { isLong, limitMs, say } from "../support/long.ts";

const shortTemplates = ["openai-gpt-oss-120b", "Qwen3-Coder"];
const isTaken = (template: string): boolean => isLong || shortTemplates.includes(template);
const groups = createProcessGroups("formats");
afterEach(() => groups.killAll());

function sourceOf(template: string): string {
  const source = llamaTemplates().get(template);
  if (source === undefined) throw new Error(`llama.cpp has no template ${template}`);
  return source;
}

/** Largest number of cases per template. */
const caseSample = isLong ? Infinity : 6;
/** Share of cases that must be parsed as by llama.cpp: of all cases, and of the cases of each template. */
const leastOfAll = isLong ? 0.97 : 1;
const leastOfTemplate = isLong ? 0.8 : 1;
/** In a long run, a template with fewer cases may fail one of them. */
const fewCases = 5;

/**
 * Leaves out cases whose prompt contains a part of the answer, because requests to a worker cannot do that. Also leaves out cases whose text the
 * grammar does not allow; not-in-grammar.ts lists each of them with its reason.
 */
function casesByTemplate(): ReadonlyMap<string, readonly LlamaCase[]> {
  const asked = llamaCases().cases.filter(
    ({ name, template, continued }) =>
      continued === undefined && !Object.hasOwn(notInGrammar, name) && isTaken(template),
  );
  const templates = new Set(asked.map(({ template }) => template));
  return new Map(
    [...templates].map((name) => [name, asked.filter(({ template }) => template === name).slice(0, caseSample)]),
  );
}

describe("answers are parsed as llama.cpp expects, collected and streamed", () => {
  const all: CaseVerdict[] = [];

  test.each([...casesByTemplate()])("%s", { timeout: limitMs }, async (template, cases) => {
    const verdicts = await checkTemplate({ groups, source: sourceOf(template), cases });
    all.push(...verdicts);
    const wrong = wrongIn(verdicts);
    say(`${template}: ${cases.length - wrong.length} of ${cases.length} ${wrong.join("\n")}`);
    const mayFail = isLong && cases.length < fewCases ? 1 : (1 - leastOfTemplate) * cases.length;
    if (wrong.length > mayFail) expect(wrong).toEqual([]);
  });

  test("in a sufficient share of all cases", () => {
    expect(all.length).toBeGreaterThan(0);
    expect(1 - wrongIn(all).length / all.length).toBeGreaterThanOrEqual(leastOfAll);
  });
});

function wrongIn(verdicts: readonly CaseVerdict[]): string[] {
  return verdicts.flatMap(({ name, reason }) => (reason === undefined ? [] : [`${name}: ${reason}`]));
}

describe("calls sampled from the grammar are valid, and the answer has no other text", () => {
  const answers = isLong ? 200 : 8;
  const slots = 8;
  /** Largest number of faults in a failure message, per family and choice. */
  const shownFaults = 3;
  const families = callFamilies.filter(({ template }) => isTaken(template));

  test.each(families)("$kind ($template)", { timeout: limitMs }, async (family) => {
    const results = await checkCalls(family, { groups, template: sourceOf(family.template), answers, slots });
    expect(results.map(({ choice }) => choice)).toEqual(toolChoices);
    for (const { faults, ...figures } of results) {
      say(`${family.template} ${JSON.stringify(figures)}`);
      expect(faults.slice(0, shownFaults), `${faults.length} faults`).toEqual([]);
      expect(figures.valid).toBe(figures.calls);
      expect(figures.calls).toBeGreaterThanOrEqual(answers);
      // Each slot computes the prompt at most once; later answers use its KV cache.
      expect(figures.promptsComputed).toBeLessThanOrEqual(slots);
    }
  });
});
