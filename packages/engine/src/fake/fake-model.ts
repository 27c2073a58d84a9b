// Owns the fake model: a pure function from the tokens of a context to the next token, so that a test can compute an answer beforehand.
import { refuseField } from "@waggle/protocol";
import { entryTokens, withCells } from "../port/entries.ts";
import type { Entries, HeldEntry } from "../port/kv.ts";
import type { Picture, PictureChunk } from "../port/pictures.ts";
import type { PicturePart, PromptInput, TemplateMessage } from "../port/prompts.ts";
import type { SlotSampling, Token, TokenLogprobs } from "../port/steps.ts";
import { fakeDocument } from "./fake-document.ts";
import { fakeChunkOf } from "./fake-encoder.ts";

/** Tokens below this number are bytes. */
const byteTokens = 256;
export const fakeBeginOfText = 256;
export const fakeEndOfGeneration = 257;
const endOfMessage = 258;
const roleTokens = { system: 259, user: 260, assistant: 261, tool: 262 } as const;
const firstWordToken = 263;

/** The words must all differ, because each is a token. */
const words = (
  "a bee the hive honey clover finds and dances to her sisters in morning sun where wild thyme grows so they fly over meadow " +
  "bring nectar home it is warm there comb fills slowly one small drop after another until winter comes"
)
  .split(" ")
  .map((word) => ` ${word}`);

/** With the marker `[unicode]` the model writes these words, a byte per token, so that most tokens are parts of characters. */
const unicodeWords = ["né", "für", "蜜蜂", "🐝", "мёд", "👩‍🌾", " ", "ş"];

/** With the marker `[document]` the model repeats the document, in tokens about as long as real ones. */
const documentPieces = fakeDocument.match(/[^]{1,4}/g) ?? [];
const documentWords = [...new Set(documentPieces)];
const firstDocumentToken = firstWordToken + words.length;
const documentTokens = documentPieces.map((piece) => firstDocumentToken + documentWords.indexOf(piece));

const encoder = new TextEncoder();
const unicodeWordBytes = unicodeWords.map((word) => encoder.encode(word));
const tokenTexts: readonly Uint8Array[] = Array.from(
  { length: firstDocumentToken + documentWords.length },
  (_, token) => {
    if (token < byteTokens) return Uint8Array.of(token);
    return encoder.encode(words[token - firstWordToken] ?? documentWords[token - firstDocumentToken] ?? "");
  },
);

const wordTokens = new Map(words.map((word, i) => [word, firstWordToken + i]));

/** Renders a conversation as text. The fake's control tokens have no text, so the names of roles replace them. */
export function renderFake(input: PromptInput & { kind: "messages" }): string {
  const tools = (input.tools ?? []).map((tool) => `tool: ${JSON.stringify(tool)}\n`);
  return [
    ...tools,
    ...input.messages.map(({ role, content }) => `${role}: ${fakeContentText(content)}\n`),
    "assistant:",
  ].join("");
}

export const fakeVocabularySize = tokenTexts.length;

/**
 * A word of the model, with the space before it, is one token, so that an answer in a prompt is tokenized to the tokens that
 * were sampled. In all other text, each byte is a token. Control tokens, which no text can contain, separate messages.
 */
export function tokenizeFake(input: PromptInput): Token[] {
  return entryTokens(readFakePrompt(input).entries);
}

type FakePromptPart = Token | PictureChunk;

/** Tokenizes as `tokenizeFake` does, with the cells of pictures in their places. @param pictures those that the prompt names by their indexes */
export function readFakePrompt(input: PromptInput, pictures: readonly Picture[] = [], read = fakeChunkOf): Entries {
  return withCells(
    promptParts(input, ({ picture: index }) => {
      const picture = pictures[index];
      return picture === undefined ? [] : [read(picture, index)];
    }),
  );
}

function promptParts(input: PromptInput, read: (part: PicturePart) => FakePromptPart[]): FakePromptPart[] {
  if (input.kind === "text") return [fakeBeginOfText, ...tokenizeFakeText(input.text)];
  if (input.kind === "pieces") {
    const parts = input.pieces.flatMap((piece): readonly FakePromptPart[] => {
      if (typeof piece === "string") return tokenizeFakeText(piece);
      return "type" in piece ? read(piece) : piece;
    });
    const unknown = parts.find((part) => typeof part === "number" && (part < 0 || part >= fakeVocabularySize));
    if (typeof unknown === "number") {
      throw refuseField("prompt", `the model has no token ${unknown}`);
    }
    return typeof input.pieces[0] === "string" ? [fakeBeginOfText, ...parts] : parts;
  }
  if (input.kind === "infill") {
    const { prefix, suffix, extra, prompt } = input.infill;
    const files = extra.map(({ filename, text }) => `${filename}\n${text}`);
    return [fakeBeginOfText, ...tokenizeFakeText([...files, suffix, prefix + prompt].join("\n"))];
  }
  const tools = (input.tools ?? []).flatMap((tool) => [roleTokens.tool, ...tokenizeFakeText(JSON.stringify(tool))]);
  const turns = input.messages.flatMap(({ role, content }) => [
    roleTokens[role],
    ...(typeof content === "string"
      ? tokenizeFakeText(content)
      : content.flatMap((part): FakePromptPart[] =>
          part.type === "text" ? tokenizeFakeText(part.text) : readOrNote(part, read),
        )),
    endOfMessage,
  ]);
  return [fakeBeginOfText, ...tools, ...turns, roleTokens.assistant];
}

function readOrNote(part: PicturePart, read: (part: PicturePart) => FakePromptPart[]): FakePromptPart[] {
  try {
    return read(part);
  } catch (error) {
    if (part.note === undefined) throw error;
    return tokenizeFakeText(part.note);
  }
}

function fakeContentText(content: TemplateMessage["content"]): string {
  return typeof content === "string"
    ? content
    : content.map((part) => (part.type === "text" ? part.text : "[picture]")).join("");
}

/** Tokenizes text without control tokens and BOS. */
export function tokenizeFakeText(text: string): Token[] {
  return text.split(/(?= )/).flatMap((piece) => wordTokens.get(piece) ?? [...encoder.encode(piece)]);
}

/** @throws RangeError where the model has no such token */
export function fakeTokenBytes(token: Token): Uint8Array {
  const bytes = tokenTexts[token];
  if (bytes === undefined)
    throw new RangeError(`Cannot render token ${token}: the vocabulary has ${fakeVocabularySize} tokens`);
  return bytes;
}

export function isFakeEndOfGeneration(token: Token): boolean {
  return token === fakeEndOfGeneration;
}

/** Hash of a context without tokens. */
export const emptyContext = 0x9e3779b9;

/**
 * Computes the hash of a context with one more entry. The next token depends on this hash only, so that one wrong token in a
 * cache changes all following tokens.
 */
export function extendContext(hash: number, entry: HeldEntry): number {
  let mixed = Math.imul(hash ^ entry, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Returns the next token of a greedy answer after this context, for a prompt without markers. */
export function likelyFakeToken(contextHash: number): Token {
  return wordToken(extendContext(contextHash, 0));
}

function wordToken(choice: number): Token {
  return firstWordToken + (choice % words.length);
}

/** The settings that the fake model follows. Greedy text depends on the context alone, other text also on the seed. */
export type FakeSampling = Pick<SlotSampling, "temperature" | "seed" | "ignore_eos">;

export interface FakeSampler {
  /** Returns the next token after a context with this hash; undefined where the marker `[fail:N]` makes the entry fail. */
  next(contextHash: number): Token | undefined;
  /** True when N tokens were sampled and the prompt has the marker `[die:N]`. */
  readonly dies: boolean;
}

/**
 * Samples for one job. Markers anywhere in the prompt control the answer; of several markers of a kind the last counts.
 * `[eog:N]` ends the generation after N tokens, `[fail:N]` makes the job's entry fail after N tokens, `[die:N]` ends the
 * engine's process after N tokens. `[unicode]` gives characters that span tokens, `[document]` endless prose with code and
 * tables, `[cycle:N]` words of which most repeat after N words, `[say:…]` the percent-encoded text, a byte per token. Only `[eog:N]` and `[say:…]` end the answer.
 */
export function createFakeSampler(prompt: readonly Token[], sampling: FakeSampling): FakeSampler {
  const markers = readMarkers(prompt);
  const eogAfter = sampling.ignore_eos ? Infinity : markers.eogAfter;
  const salt = sampling.temperature === 0 ? 0 : sampling.seed;
  let pending: Token[] = [];
  let count = 0;
  return {
    get dies() {
      return count >= markers.dieAfter;
    },
    next(contextHash) {
      count += 1;
      if (count > markers.failAfter) return undefined;
      if (count > eogAfter) return fakeEndOfGeneration;
      const rest = pending.shift();
      if (rest !== undefined) return rest;
      if (markers.say !== undefined) return markers.say[count - 1] ?? fakeEndOfGeneration;
      if (markers.document) return documentTokens[(count - 1) % documentTokens.length];
      const choice = extendContext(contextHash, salt);
      // A few words still depend on the context, so that a wrong token in the cache changes this answer too.
      if (markers.cycle < Infinity && choice % 8 > 0) return wordToken((count - 1) % markers.cycle);
      if (!markers.unicode) return wordToken(choice);
      const [first = 0, ...others] = unicodeWordBytes[choice % unicodeWordBytes.length] ?? [];
      pending = others;
      return first;
    },
  };
}

/** Computes the whole text of an answer of at most `maxTokens` model tokens, without a last unfinished character. @param pictures those that the prompt names by their indexes */
export function expectedFakeText(
  input: PromptInput,
  sampling: FakeSampling,
  maxTokens: number,
  pictures: readonly Picture[] = [],
): string {
  const { entries } = readFakePrompt(input, pictures);
  const sampler = createFakeSampler(entryTokens(entries), sampling);
  let hash = entries.reduce(extendContext, emptyContext);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let text = "";
  for (let i = 0; i < maxTokens; i++) {
    const token = sampler.next(hash);
    if (token === undefined || isFakeEndOfGeneration(token)) break;
    text += decoder.decode(fakeTokenBytes(token), { stream: true });
    hash = extendContext(hash, token);
  }
  // An unfinished character at the end is left out.
  return text;
}

interface Markers {
  readonly eogAfter: number;
  readonly failAfter: number;
  readonly dieAfter: number;
  /** Number of words after which most words repeat; Infinity without repetition. */
  readonly cycle: number;
  readonly unicode: boolean;
  readonly document: boolean;
  readonly say?: Uint8Array;
}

function readMarkers(prompt: readonly Token[]): Markers {
  // Most prompts have no marker, and a long one would take time for each pattern.
  const mayHave = prompt.includes("[".charCodeAt(0));
  const bytes = mayHave ? prompt.filter((token) => token < byteTokens) : [];
  const text = new TextDecoder().decode(Uint8Array.from(bytes));
  const say = [...text.matchAll(/\[say:([^\]]*)\]/g)].at(-1)?.[1];
  return {
    eogAfter: lastNumber(text, /\[eog:(\d+)\]/g),
    failAfter: lastNumber(text, /\[fail:(\d+)\]/g),
    dieAfter: lastNumber(text, /\[die:(\d+)\]/g),
    cycle: lastNumber(text, /\[cycle:([1-9]\d*)\]/g),
    unicode: text.includes("[unicode]"),
    document: text.includes("[document]"),
    ...(say === undefined ? {} : { say: encoder.encode(decodeURIComponent(say)) }),
  };
}

function lastNumber(text: string, marker: RegExp): number {
  const match = [...text.matchAll(marker)].at(-1);
  return match === undefined ? Infinity : Number(match[1]);
}

/** Gives nearly all the probability to this token; the tokens with the next numbers share the rest. */
export function fakeLogprobs(token: Token, count: number): TokenLogprobs {
  const others = Array.from({ length: Math.max(0, count - 1) }, (_, i) => ({
    token: (token + i + 1) % fakeVocabularySize,
    logprob: -10 - i,
  }));
  const chosen = { token, logprob: -0.01 };
  return { logprob: chosen.logprob, top: count === 0 ? [] : [chosen, ...others] };
}

/** The fake model gives nearly all the probability to the token that it would sample, and a low probability to each other token. */
export function fakeLogprobOf(contextHash: number, token: Token): number {
  if (token === likelyFakeToken(contextHash)) return fakeLogprobs(token, 0).logprob;
  return -14 - (extendContext(contextHash, token) % 1_024) / 128;
}

/** The logprob of a token after a prompt without pictures, so that a test can compute scores beforehand. */
export function expectedFakeLogprob(context: readonly Token[], token: Token): number {
  return fakeLogprobOf(context.reduce(extendContext, emptyContext), token);
}
