// Owns comparing what the renderer gives with what Jinja gives, and where the two are known to part.
import { compileTemplate } from "../../template/compiled-template.ts";
import type { CompiledTemplate } from "../../template/compiled-template.ts";
import { TemplateError } from "../../template/template-error.ts";
import { conversations, forms } from "./conversations.ts";
import type { Conversation } from "./conversations.ts";
import { pinnedDate } from "./reference.ts";
import type { Expected } from "./reference.ts";

/** - `lenient`: Jinja refuses, this renderer does not */
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
    reason: "list.append() is forbidden by the sandbox of transformers, so their calls cannot be rendered there at all",
  },
  {
    verdict: "differs",
    templates: ["meetkai-functionary-medium-v3.1"],
    reason: "`|safe` makes Jinja escape for HTML whatever is added to it afterwards, which no author of a prompt means",
  },
];

const tokenTexts = { bos_token: "<s>", eos_token: "</s>" };

/** Every conversation that is recorded, with all that a template is given. */
export const recordedConversations: readonly Conversation[] = [...conversations, ...forms].map(({ name, values }) => ({
  name,
  values: { ...tokenTexts, ...values },
}));

/** Each is rendered many times. */
const compiled = new Map<string, CompiledTemplate>();

/** @throws whatever is no TemplateError: a defect */
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
