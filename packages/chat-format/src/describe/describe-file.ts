// Describes a model from its file, without an engine: its card, its chat template and its answer format. Also renders prompts with that template.
import { basename, dirname, join } from "node:path";
import {
  genericFormat,
  renderConversation,
  type ChatConversation,
  type ChatFormat,
  type TemplateInputs,
} from "../format/index.ts";
import {
  createTemplateRenderer,
  type TemplateRenderer,
  type TemplateRendererOptions,
  type TemplateValues,
} from "../template/index.ts";
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

/** Plain data, which a thread can post to its caller. */
export interface FileDescription {
  readonly card: ModelCard;
  /** The format that the engine reports for this model; the generic format for a model that does not generate text. */
  readonly chatFormat: ChatFormat;
  /** Source of the template; "" for a model that does not generate text. */
  readonly chatTemplate: string;
  /** Text of the BOS token; "" if the vocabulary has no such token. */
  readonly bos: string;
  /** Text of the EOS token; "" if the vocabulary has no such token. */
  readonly eos: string;
}

export interface DescribeOptions extends Pick<ModelChatOptions, "chosen"> {
  readonly startThread?: TemplateRendererOptions["startThread"];
}

/**
 * @param path the model's file, or any part of a split model
 * @throws GgufError; TemplateError if the chosen template cannot be rendered
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
  /** The `inputs` of the file's `chatFormat`, which say what the template takes. */
  readonly inputs: TemplateInputs;
  readonly conversation: ChatConversation;
}

/**
 * Renders the prompt that the engine would make of the conversation.
 * @param path the model's file, or any part of a split model
 * @throws GgufError; TemplateError or TemplateInputError if the template cannot render the conversation
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
  // The engine logs the warnings when it loads the model.
  return { templates: chatTemplatesOf(header), chosen, ...texts, warn: () => {} };
}

/** Reads the first part of a split model: only this part holds the vocabulary. */
async function readTexts(path: string, header: GgufHeader): Promise<VocabularyTexts> {
  const [first = basename(path)] = partNames(basename(path));
  await using source = await openFileSource(join(dirname(path), first));
  return await readVocabularyTexts(source, header);
}
