// Describes a model from its file, without an engine: its card, its answer format and its template's inputs. Also renders one prompt.
import { basename, dirname, join } from "node:path";
import { genericFormat, renderConversation } from "../format/index.ts";
import type { ChatConversation, ChatFormat, TemplateInputs } from "../format/index.ts";
import { createTemplateRenderer } from "../template/index.ts";
import type { TemplateRenderer, TemplateRendererOptions, TemplateValues } from "../template/index.ts";
import {
  chatTemplatesOf,
  modelCardOf,
  openFileSource,
  partNames,
  readGgufFile,
  readVocabularyTexts,
  type GgufHeader,
  type ModelCard,
  type VocabularyTexts,
} from "@waggle/models/header";
import { guardConversation } from "./guard-conversation.ts";
import { openChatTemplate, openModelChat, type ModelChatOptions } from "./open-model-chat.ts";
import { breakMark, createSpecialText } from "./special-text.ts";

/** Plain data. */
export interface FileDescription {
  readonly card: ModelCard;
  /** The format that the engine will report; the generic format for a model that does not generate text. */
  readonly chatFormat: ChatFormat;
  /** "" for a model that does not generate text. */
  readonly chatTemplate: string;
  /** The texts of the tokens that begin and end a text; "" without one. */
  readonly bos: string;
  readonly eos: string;
}

export interface DescribeOptions {
  /** A template to use instead of the model's: a name from `templateNames`, or the source of a template. */
  readonly chosen: string | undefined;
  readonly startThread?: TemplateRendererOptions["startThread"];
}

/**
 * @param path of any part of a split model
 * @throws GgufError; TemplateError when the template that was chosen cannot be rendered
 */
export async function describeFile(path: string, options: DescribeOptions): Promise<FileDescription> {
  const header = await readGgufFile(path);
  const card = modelCardOf(header);
  const texts = await readTexts(path, header);
  const ends = { bos: texts.bosText, eos: texts.eosText };
  if (card.kind !== "generate") return { card, chatFormat: genericFormat, chatTemplate: "", ...ends };
  return await withRenderer(options, async (renderer) => {
    const { format, source } = await openModelChat(renderer, chatOptionsOf(header, texts, options));
    return { card, chatFormat: format, chatTemplate: source, ...ends };
  });
}

export interface PromptRequest {
  /** As the file's description has them. */
  readonly inputs: TemplateInputs;
  readonly conversation: ChatConversation;
}

/**
 * The prompt, as the engine would make it.
 * @param path of any part of a split model
 * @throws GgufError; TemplateError and TemplateInputError
 */
export async function renderByFile(path: string, request: PromptRequest, options: DescribeOptions): Promise<string> {
  const header = await readGgufFile(path);
  const texts = await readTexts(path, header);
  const guarded = await guardConversation(request.conversation, createSpecialText(texts.specialTokens));
  return await withRenderer(options, async (renderer) => {
    const template = await openChatTemplate(renderer, chatOptionsOf(header, texts, options));
    const render = async (values: object): Promise<string> => await template.render(values as TemplateValues);
    return (await renderConversation(request.inputs, guarded, render)).replaceAll(breakMark, "");
  });
}

async function withRenderer<T>(
  { startThread }: DescribeOptions,
  use: (renderer: TemplateRenderer) => Promise<T>,
): Promise<T> {
  const renderer = createTemplateRenderer(startThread === undefined ? {} : { startThread });
  try {
    return await use(renderer);
  } finally {
    await renderer.close();
  }
}

function chatOptionsOf(header: GgufHeader, texts: VocabularyTexts, { chosen }: DescribeOptions): ModelChatOptions {
  // The engine logs warnings when it loads the model.
  return { templates: chatTemplatesOf(header), chosen, ...texts, warn: () => {} };
}

/** A split model's vocabulary is in its first part. */
async function readTexts(path: string, header: GgufHeader): Promise<VocabularyTexts> {
  const [first = basename(path)] = partNames(basename(path));
  await using source = await openFileSource(join(dirname(path), first));
  return await readVocabularyTexts(source, header);
}
