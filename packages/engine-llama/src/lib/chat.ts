// Owns the chat of a loaded model: its template, rendered on a thread, and the format that the template gives its answers. The template runs as
// its author wrote it.
import { createHash } from "node:crypto";
import {
  TemplateInputError,
  continuedPrompt,
  deriveFormat,
  finalText,
  templateValues,
  thoughtEndOf,
  withMarks,
  type ChatFormat,
} from "@waggle/chat-format";
import { TemplateError, createTemplateRenderer } from "@waggle/chat-template";
import type { ChatTemplate, TemplateRenderer, TemplateValues } from "@waggle/chat-template";
import type { PromptInput } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import { refuseField } from "./field-error.ts";
import type { SpecialToken } from "./special-text.ts";

export type Conversation = Omit<PromptInput & { kind: "messages" }, "kind">;

export interface ChatRenderer {
  /**
   * The conversation up to where the assistant is to speak, or to the end of what it has said already.
   * @throws WaggleError invalid_argument when the template cannot render these messages
   */
  render(conversation: Conversation): Promise<string>;
}

export interface Chat extends ChatRenderer {
  /** Of the template in use, for conversations without tools. */
  readonly source: string;
  /** Its markers that are tokens of the vocabulary stand in it as marks. */
  readonly format: ChatFormat;
  /** Of its template's text, hexadecimal; of one more for tools too, one after the other. */
  readonly templateSha256: string;
  /** What closes a thought from outside; "" where there are none. */
  readonly thoughtEnd: string;
  close(): Promise<void>;
}

export interface ChatOptions {
  /** By name; `default` is the usual one. */
  readonly templates: ReadonlyMap<string, string>;
  /** Instead of them: a name of ours, or a template's source. */
  readonly chosen: string | undefined;
  readonly specialTokens: readonly SpecialToken[];
  readonly bosText: string;
  readonly eosText: string;
  readonly warn: (message: string) => void;
}

/** A template may say anything when it refuses. */
const maxReasonChars = 200;

/** For models without a template whose vocabulary has ChatML's markers. Jinja drops the last newline of a template. */
const chatMl = `{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}<|im_start|>assistant

`;

/** For models without either: plain text that any model can continue. */
const plain = `{% for m in messages %}{{ m.role | capitalize }}: {{ m.content }}

{% endfor %}Assistant:`;

/** For finding out about a template, all renderings together. */
const probeTimeoutMs = 10_000;

/**
 * What is found out about the template may take a second or two; it is done once. A template that cannot be rendered at all gives way to one of
 * ours, which is told to `warn`.
 */
export async function openChat(options: ChatOptions): Promise<Chat> {
  const renderer = createTemplateRenderer();
  try {
    const sources = sourcesOf(options);
    const template = await openTemplate(renderer, sources, options).catch(async (error: unknown) => {
      if (!(error instanceof TemplateError)) throw error;
      if (options.chosen !== undefined) {
        const message = `Cannot use the chat template that was chosen: ${error.message}`;
        throw new WaggleError("unavailable", message, { cause: error });
      }
      options.warn(`The model's chat template cannot be used, and another one stands in: ${error.message}`);
      return await openTemplate(renderer, sourcesOf({ ...options, chosen: "generic" }), options);
    });
    return chatOf(await describe(template, options), template, () => renderer.close());
  } catch (error) {
    await renderer.close();
    throw error;
  }
}

/** @throws TemplateError when it renders not even a plain conversation */
async function openTemplate(
  renderer: TemplateRenderer,
  [source, namedSources]: TemplateTexts,
  { bosText, eosText }: ChatOptions,
): Promise<ChatTemplate> {
  const template = await renderer.open({ source, namedSources, bosText, eosText });
  await template.render({ messages: [{ role: "user", content: "Hello" }], add_generation_prompt: true });
  return template;
}

/** Its markers that are tokens of the vocabulary stand in it as marks. */
async function describe(template: ChatTemplate, { specialTokens }: ChatOptions): Promise<ChatFormat> {
  const end = performance.now() + probeTimeoutMs;
  const format = await deriveFormat({
    source: template.sourceFor(true),
    async render(values) {
      if (performance.now() > end) throw new TemplateError("limit", "finding out about it takes too long");
      return await template.render(values as TemplateValues);
    },
  });
  const tokens = new Map(specialTokens.map(({ text, control }) => [text, control]));
  return withMarks(format, (text) => {
    const control = tokens.get(text);
    return control === false ? "user" : control === true;
  });
}

function chatOf(format: ChatFormat, template: ChatTemplate, close: () => Promise<void>): Chat {
  return {
    source: template.sourceFor(false),
    format,
    templateSha256: createHash("sha256").update(sourcesIn(template).join("")).digest("hex"),
    thoughtEnd: thoughtEndOf(format),
    async render(conversation) {
      try {
        const rendered = await template.render(templateValues(format.inputs, conversation) as TemplateValues);
        const continues = conversation.template?.continueFinalMessage === true;
        return continues ? continuedPrompt(rendered, finalText(conversation)) : rendered;
      } catch (error) {
        if (error instanceof TemplateInputError) throw refuseField("messages", error.message, error);
        if (!(error instanceof TemplateError)) throw error;
        const reason = error.message.slice(0, maxReasonChars);
        if (error.reason === "unavailable")
          throw new WaggleError("resource_exhausted", `Cannot render the prompt: ${reason}`);
        const what = error.reason === "refused" ? "does not take them" : "cannot render them";
        throw refuseField("messages", `the model's chat template ${what}: ${reason}`, error);
      }
    },
    close,
  };
}

function sourcesIn(template: ChatTemplate): readonly string[] {
  return [...new Set([template.sourceFor(false), template.sourceFor(true)])];
}

/** The usual one, and those with names. */
type TemplateTexts = readonly [source: string, namedSources: Readonly<Record<string, string>>];

function sourcesOf({ templates, chosen, specialTokens }: ChatOptions): TemplateTexts {
  const hasChatMl = specialTokens.some(({ text }) => text === "<|im_start|>");
  const ours = hasChatMl ? chatMl : plain;
  if (chosen === "chatml") return [chatMl, {}];
  if (chosen === "generic") return [ours, {}];
  if (chosen !== undefined) return [chosen, {}];
  const [first] = templates.values();
  return [templates.get("default") ?? first ?? ours, Object.fromEntries(templates)];
}
