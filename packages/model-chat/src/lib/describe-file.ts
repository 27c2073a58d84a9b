// Owns what a model's file tells of it without an engine: its card, how its answers are written, and what its prompts are made of.
import { basename, dirname, join } from "node:path";
import { genericFormat, type ChatFormat } from "@waggle/chat-format";
import { createTemplateRenderer, type TemplateRendererOptions } from "@waggle/chat-template";
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
} from "@waggle/gguf";
import { openModelChat } from "./open-model-chat.ts";

/** Plain data. */
export interface FileDescription {
  readonly card: ModelCard;
  /** As the engine will say; the generic one for a model that does not write. */
  readonly chatFormat: ChatFormat;
  /** "" for a model that does not write. */
  readonly chatTemplate: string;
  /** The texts of the tokens that begin and end a text; "" where there is none. */
  readonly bos: string;
  readonly eos: string;
}

export interface DescribeOptions {
  /** Instead of the model's own template: a name of ours, or a template's source. */
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
  const renderer = createTemplateRenderer(
    options.startThread === undefined ? {} : { startThread: options.startThread },
  );
  try {
    const { chosen } = options;
    const templates = chatTemplatesOf(header);
    // What is to be warned of, the engine says when it loads the model.
    const { format, source } = await openModelChat(renderer, { templates, chosen, ...texts, warn: () => {} });
    return { card, chatFormat: format, chatTemplate: source, ...ends };
  } finally {
    await renderer.close();
  }
}

/** A split model's vocabulary is in its first part. */
async function readTexts(path: string, header: GgufHeader): Promise<VocabularyTexts> {
  const [first = basename(path)] = partNames(basename(path));
  await using source = await openFileSource(join(dirname(path), first));
  return await readVocabularyTexts(source, header);
}
