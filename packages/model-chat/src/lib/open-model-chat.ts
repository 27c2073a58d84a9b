// Owns which template a model chats with, and the format that it gives its answers: the same whether the model is loaded or only its header
// has been read. The template runs as its author wrote it.
import { createHash } from "node:crypto";
import { TemplateUnansweredError, deriveFormat, withMarks, type ChatFormat } from "@waggle/chat-format";
import { TemplateError } from "@waggle/chat-template";
import type { ChatTemplate, TemplateRenderer, TemplateValues } from "@waggle/chat-template";
import type { SpecialToken } from "@waggle/gguf";
import { chatMl, namedTemplate, plain } from "./named-templates.ts";

export interface ModelChat {
  readonly template: ChatTemplate;
  /** Of the template in use, for conversations without tools. */
  readonly source: string;
  /** Its markers that are tokens of the vocabulary stand in it as marks. */
  readonly format: ChatFormat;
  /** Of its template's text, hexadecimal; of one more for tools too, one after the other. */
  readonly templateSha256: string;
}

export interface ModelChatOptions {
  /** By name; `default` is the usual one. */
  readonly templates: ReadonlyMap<string, string>;
  /** Instead of them: one of `templateNames`, or a template's source. */
  readonly chosen: string | undefined;
  readonly specialTokens: readonly SpecialToken[];
  readonly bosText: string;
  readonly eosText: string;
  readonly warn: (message: string) => void;
}

/**
 * What is found out about the template may take a second or two; it is done once. A template that cannot be rendered at all gives way to one of
 * ours, which is told to `warn`; so is one that could not be asked to the end.
 * @throws TemplateError when the one that was chosen cannot be rendered at all
 */
export async function openModelChat(renderer: TemplateRenderer, options: ModelChatOptions): Promise<ModelChat> {
  const template = await openChatTemplate(renderer, options);
  const format = await formatOf(template, options);
  if (format.warning !== undefined) options.warn(format.warning);
  return {
    template,
    source: template.sourceFor(false),
    format,
    templateSha256: createHash("sha256").update(sourcesIn(template).join("")).digest("hex"),
  };
}

/** The template alone. @throws TemplateError when the one that was chosen cannot be rendered at all */
export async function openChatTemplate(renderer: TemplateRenderer, options: ModelChatOptions): Promise<ChatTemplate> {
  return await openTemplate(renderer, sourcesOf(options), options).catch(async (error: unknown) => {
    if (!(error instanceof TemplateError) || options.chosen !== undefined) throw error;
    options.warn(`The model's chat template cannot be used, and another one stands in: ${error.message}`);
    return await openTemplate(renderer, sourcesOf({ ...options, chosen: "generic" }), options);
  });
}

/** @throws TemplateError when it renders not even a plain conversation */
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
    spentMs: template.spentMs,
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

function sourcesIn(template: ChatTemplate): readonly string[] {
  return [...new Set([template.sourceFor(false), template.sourceFor(true)])];
}

/** The usual one, and those with names. */
type TemplateTexts = readonly [source: string, namedSources: Readonly<Record<string, string>>];

function sourcesOf({ templates, chosen, specialTokens }: ModelChatOptions): TemplateTexts {
  const hasChatMl = specialTokens.some(({ text }) => text === "<|im_start|>");
  const ours = hasChatMl ? chatMl : plain;
  if (chosen === "generic") return [ours, {}];
  if (chosen !== undefined) return [namedTemplate(chosen) ?? chosen, {}];
  const [first] = templates.values();
  return [templates.get("default") ?? first ?? ours, Object.fromEntries(templates)];
}
