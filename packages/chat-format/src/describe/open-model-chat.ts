// Chooses a model's chat template and derives its answer format. A loaded model and the header of a file give the same result. The template's
// source is not changed.
import { createHash } from "node:crypto";
import { TemplateUnansweredError, deriveFormat, withMarks, type ChatFormat } from "../format/index.ts";
import { TemplateError, type ChatTemplate, type TemplateRenderer, type TemplateValues } from "../template/index.ts";
import type { SpecialToken } from "@waggle/models/header";
import { chatMl, namedTemplate, plain } from "./named-templates.ts";

export interface ModelChat {
  readonly template: ChatTemplate;
  /** The source of the template in use, for conversations without tools. */
  readonly source: string;
  /** The answer format, with marks for the markers that are tokens of the vocabulary. */
  readonly format: ChatFormat;
  /** SHA-256 of the template's source in hexadecimal. If tools have a separate source, the hash covers both, one after the other. */
  readonly templateSha256: string;
}

export interface ModelChatOptions {
  /** Sources of the model's templates by name; `default` is the usual template. */
  readonly templates: ReadonlyMap<string, string>;
  /** Template to use instead of the model's: a name from `templateNames`, or the source of a template. */
  readonly chosen: string | undefined;
  readonly specialTokens: readonly SpecialToken[];
  readonly bosText: string;
  readonly eosText: string;
  readonly warn: (message: string) => void;
}

/**
 * Opens the template and probes it once, which may take a second or two. If the model's template cannot be rendered, a built-in template replaces it.
 * If the probing stops early, the format covers text messages only. `warn` is called in both cases. A thread that cannot be had is no reason for either.
 * @throws TemplateError if the chosen template cannot be rendered, or no template can be rendered now
 */
export async function openModelChat(renderer: TemplateRenderer, options: ModelChatOptions): Promise<ModelChat> {
  const template = await openChatTemplate(renderer, options);
  const format = await formatOf(template, options);
  if (format.warning !== undefined) options.warn(format.warning);
  const sources = new Set([template.sourceFor(false), template.sourceFor(true)]);
  return {
    template,
    source: template.sourceFor(false),
    format,
    templateSha256: createHash("sha256")
      .update([...sources].join(""))
      .digest("hex"),
  };
}

/** Opens the template without probing it. @throws TemplateError as `openModelChat` */
export async function openChatTemplate(renderer: TemplateRenderer, options: ModelChatOptions): Promise<ChatTemplate> {
  return await openTemplate(renderer, sourcesOf(options), options).catch(async (error: unknown) => {
    if (!(error instanceof TemplateError) || error.reason === "unavailable" || options.chosen !== undefined)
      throw error;
    options.warn(`Cannot use the model's chat template; a built-in template replaces it: ${error.message}`);
    return await openTemplate(renderer, sourcesOf({ ...options, chosen: "generic" }), options);
  });
}

/** @throws TemplateError if the template cannot render a plain conversation */
async function openTemplate(
  renderer: TemplateRenderer,
  [source, namedSources]: TemplateTexts,
  { bosText, eosText }: ModelChatOptions,
): Promise<ChatTemplate> {
  const template = await renderer.open({ source, namedSources, bosText, eosText });
  await template.render({ messages: [{ role: "user", content: "Hello" }], add_generation_prompt: true });
  return template;
}

async function formatOf(template: ChatTemplate, { specialTokens }: ModelChatOptions): Promise<ChatFormat> {
  const format = await deriveFormat({
    source: template.sourceFor(true),
    spentSteps: template.spentSteps,
    async render(values) {
      try {
        return await template.render(values as TemplateValues);
      } catch (error) {
        if (!(error instanceof TemplateError) || error.reason !== "unavailable") throw error;
        throw new TemplateUnansweredError(error.message, { cause: error });
      }
    },
  });
  const tokens = new Map(specialTokens.map(({ text, control }) => [text, control]));
  return withMarks(format, (text) => {
    const control = tokens.get(text);
    return control === false ? "user" : control === true;
  });
}

/** The source of the usual template, and the sources of all templates by name. */
type TemplateTexts = readonly [source: string, namedSources: Readonly<Record<string, string>>];

function sourcesOf({ templates, chosen, specialTokens }: ModelChatOptions): TemplateTexts {
  const hasChatMl = specialTokens.some(({ text }) => text === "<|im_start|>");
  const ours = hasChatMl ? chatMl : plain;
  if (chosen === "generic") return [ours, {}];
  if (chosen !== undefined) return [namedTemplate(chosen) ?? chosen, {}];
  const [first] = templates.values();
  return [templates.get("default") ?? first ?? ours, Object.fromEntries(templates)];
}
