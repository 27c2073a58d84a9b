// Finds the special tokens of a vocabulary, and its BOS and EOS texts, for chat templates. The rules are those of llama.cpp
// (llama_vocab::impl::load of src/llama-vocab.cpp): the texts of a few tokens override their types in the file.
//
// llama.cpp also turns infill markers into control tokens. Chats contain no infill markers, so this file does not change their types.
import type { ByteSource } from "./byte-source.ts";
import { createCursor } from "./cursor.ts";
import { damaged } from "./gguf-error.ts";
import { limits } from "./limits.ts";
import { stringType, type ArrayPlace, type Metadata } from "./metadata.ts";
import type { ReadHeaderOptions } from "./read-header.ts";

export interface SpecialToken {
  readonly text: string;
  /** True for control and unknown tokens. False for user-defined tokens, which only some templates use. */
  readonly control: boolean;
}

export interface VocabularyTexts {
  /** The special tokens, in the vocabulary's order. */
  readonly specialTokens: readonly SpecialToken[];
  /** "" if the model has no BOS, or its BOS is not a control token. node-llama-cpp has the same rule (getNapiControlToken in AddonModel.cpp). */
  readonly bosText: string;
  readonly eosText: string;
}

/** `llama_token_type` of llama.h. */
const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4 } as const;
/** The index is the type's number. Unused tokens (5) and bytes (6) count as normal here. */
const kinds: readonly (Kind | undefined)[] = [
  "undefined",
  "normal",
  "unknown",
  "control",
  "userDefined",
  "normal",
  "normal",
];
const int32Type = 5;
const int32Bytes = 4;
/** Number of token types in one read. */
const typesAtOnce = 16_384;

interface Ends {
  readonly bos?: number;
  readonly eos?: number;
}

/** Defaults by `tokenizer.ggml.model`, for files that do not name their BOS and EOS. */
const usualEnds: Readonly<Record<string, Ends>> = {
  llama: { bos: 1, eos: 2 },
  plamo2: { bos: 1, eos: 2 },
  bert: { bos: 101 },
  t5: { eos: 1 },
  gpt2: { bos: 11, eos: 11 },
  hybriddna: { bos: 11, eos: 11 },
  whitespace: { bos: 11, eos: 11 },
};

/** Values of `tokenizer.ggml.pre` in ChatGLM's files. ChatGLM's vocabularies have no BOS. */
const withoutBos = new Set(["glm4", "chatglm-bpe"]);

/** Each of these texts ends an answer in some model family. Tokens with these texts are control tokens, even if the file gives them another type. */
const endings = new Set([
  ...["<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>"],
  ...["<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>"],
  ...["<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "<｜end▁of▁sentence｜>", "[e~["],
]);
/** Markers of gpt-oss. llama.cpp makes them user-defined, so that they are part of the generated text. */
const shown = new Set(["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"]);
const known = [...endings, ...shown];
const knownBytes = known.map((text) => Buffer.byteLength(text));
const [leastBytes, mostBytes] = [Math.min(...knownBytes), Math.max(...knownBytes)];
const lastBytes = new Set(known.map((text) => Buffer.from(text).at(-1)));

/**
 * @param source the file, or the first part of a split model
 * @param header header of this source
 * @throws GgufError; the signal's reason when it aborts; errors of the source
 */
export async function readVocabularyTexts(
  source: ByteSource,
  { metadata }: { readonly metadata: Metadata },
  { signal }: ReadHeaderOptions = {},
): Promise<VocabularyTexts> {
  const tokens = metadata.arrayPlace("tokenizer.ggml.tokens");
  if (tokens === undefined || tokens.elementType !== stringType) return { specialTokens: [], bosText: "", eosText: "" };
  const types = await readTypes(source, metadata.arrayPlace("tokenizer.ggml.token_type"), tokens.length, signal);
  const { bos, eos } = endsOf(metadata, tokens.length);
  const found = new Map<string, number>();
  const ends = new Map<number, FoundToken>();
  let bytesFound = 0;
  const cursor = createCursor(source, signal);
  cursor.skip(tokens.at);
  await cursor.skipTexts(tokens.length, (bytes, start, end, index) => {
    const type = types?.[index] ?? tokenTypes.normal;
    const isEnd = index === bos || index === eos;
    if (!isEnd && !isSpecial(type) && !mayBeKnown(bytes, start, end)) return;
    const text = bytes.toString("utf8", start, end);
    if (isEnd) ends.set(index, { text, type });
    if (!isSpecial(type) && !endings.has(text) && !shown.has(text)) return;
    found.set(text, type);
    bytesFound += end - start;
    if (found.size > limits.specialTokens || bytesFound > limits.specialTextBytes)
      throw damaged(`more than ${limits.specialTokens} special tokens, or ${limits.specialTextBytes} bytes of them`);
  });
  const tokenKind = createRule((text) => found.has(text));
  const endText = (token: number | undefined): string => {
    const end = token === undefined ? undefined : ends.get(token);
    return end !== undefined && ["control", "undefined"].includes(tokenKind(end)) ? end.text : "";
  };
  return {
    specialTokens: [...found].flatMap(([text, type]): SpecialToken[] => {
      const kind = tokenKind({ text, type });
      if (kind === "normal" || kind === "undefined") return [];
      return [{ text, control: kind !== "userDefined" }];
    }),
    bosText: endText(bos),
    eosText: endText(eos),
  };
}

interface FoundToken {
  readonly text: string;
  readonly type: number;
}

type Kind = "normal" | "unknown" | "control" | "userDefined" | "undefined";

/** Creates the rule that gives a token its kind. For some texts the rule depends on which other tokens the vocabulary has. */
function createRule(has: (text: string) => boolean): (token: FoundToken) => Kind {
  const calls = has("<|call|>") || has("<|calls|>");
  // In vocabularies of gpt-oss, <|end|> ends a thought and not the answer.
  const endIsShown = calls && (has("<|return|>") || has("<|flush|>"));
  const hasToolResponse = has("<|tool_response>");
  return ({ text, type }) => {
    if (shown.has(text) || (text === "<|end|>" && endIsShown)) return "userDefined";
    if (text === "</s>" && hasToolResponse) return "normal";
    return endings.has(text) ? "control" : (kinds[type] ?? "undefined");
  };
}

function isSpecial(type: number): boolean {
  return type === tokenTypes.unknown || type === tokenTypes.control || type === tokenTypes.userDefined;
}

/** Rules out most tokens without decoding their texts. */
function mayBeKnown(bytes: Buffer, start: number, end: number): boolean {
  return end - start >= leastBytes && end - start <= mostBytes && lastBytes.has(bytes[end - 1]);
}

/** @returns undefined if the file has no token types: all tokens are then normal */
async function readTypes(
  source: ByteSource,
  place: ArrayPlace | undefined,
  count: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  if (place === undefined) return undefined;
  if (place.elementType !== int32Type || place.length < count)
    throw damaged(`${place.length} token types for ${count} tokens`);
  const types = new Uint8Array(count);
  const cursor = createCursor(source, signal);
  cursor.skip(place.at);
  for (let done = 0; done < count; done += typesAtOnce) {
    const some = Math.min(typesAtOnce, count - done);
    const bytes = await cursor.bytes(some * int32Bytes);
    // No type is above 6, so that larger numbers can share 255.
    for (let at = 0; at < some; at++) types[done + at] = Math.min(0xff, bytes.readUInt32LE(at * int32Bytes));
  }
  return types;
}

/** BOS and EOS that the file names. If a token id is missing or outside the vocabulary, the tokenizer's default is used. */
function endsOf(metadata: Metadata, count: number): Ends {
  const { bos: usualBos, ...others } = usualEnds[metadata.string("tokenizer.ggml.model") ?? ""] ?? {};
  const hasUsualBos = usualBos !== undefined && !withoutBos.has(metadata.string("tokenizer.ggml.pre") ?? "");
  const usual: Ends = hasUsualBos ? { ...others, bos: usualBos } : others;
  const end = (name: keyof Ends): number | undefined => {
    const named = metadata.number(`tokenizer.ggml.${name}_token_id`);
    const token = named !== undefined && named >= 0 && named < count ? named : usual[name];
    return token !== undefined && token < count ? token : undefined;
  };
  const [bos, eos] = [end("bos"), end("eos")];
  return { ...(bos === undefined ? {} : { bos }), ...(eos === undefined ? {} : { eos }) };
}
