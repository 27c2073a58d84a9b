// Compares the renderer's results with Jinja's, and lists the known differences.
import { compileTemplate, type CompiledTemplate } from "../../template/compiled-template.ts";
import { TemplateError } from "../../template/template-error.ts";
import { conversations, forms, type Conversation } from "./conversations.ts";
import { pinnedDate, type Expected } from "./reference.ts";

/** `lenient`: Jinja refuses, this renderer does not; `errs`: this renderer refuses, Jinja does not. */
export type Verdict = "equal" | "both refuse" | "lenient" | "differs" | "errs";

export interface KnownDifference {
  readonly verdict: Verdict;
  readonly templates: readonly string[];
  readonly reason: string;
}

export const knownDifferences: readonly KnownDifference[] = [
  {
    verdict: "lenient",
    templates: ["Kimi-K2-Instruct", "Kimi-K2-Thinking"],
    reason: "the sandbox of transformers forbids list.append(), so that calls cannot be rendered there",
  },
  {
    verdict: "differs",
    templates: ["meetkai-functionary-medium-v3.1"],
    reason: "after `|safe`, Jinja escapes all added text for HTML, which is not meant in a prompt",
  },
];

const tokenTexts = { bos_token: "<s>", eos_token: "</s>" };

/** All recorded conversations, with all values that a template gets. */
export const recordedConversations: readonly Conversation[] = [...conversations, ...forms].map(({ name, values }) => ({
  name,
  values: { ...tokenTexts, ...values },
}));

/** Compiled templates by source, since each template is rendered many times. */
const compiled = new Map<string, CompiledTemplate>();

/** @throws errors other than TemplateError: they are defects */
export function rendered(source: string, values: Readonly<Record<string, unknown>>): Expected {
  try {
    const template = compiled.get(source) ?? compileTemplate(source);
    compiled.set(source, template);
    return template.render(values, { now: () => pinnedDate });
  } catch (error) {
    if (error instanceof TemplateError) return undefined;
    throw error;
  }
}

export function verdictOn(actual: Expected, expected: Expected): Verdict {
  if (actual === expected) return actual === undefined ? "both refuse" : "equal";
  if (actual === undefined) return "errs";
  return expected === undefined ? "lenient" : "differs";
}

export function isKnown(template: string, verdict: Verdict): boolean {
  return knownDifferences.some((known) => known.verdict === verdict && known.templates.includes(template));
}
