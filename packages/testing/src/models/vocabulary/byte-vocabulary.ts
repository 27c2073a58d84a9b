// Owns a vocabulary of all bytes and a family's markers. Each byte is one token, so the vocabulary can encode any text.
import type { FamilyVocabulary } from "./family-vocabulary.ts";
import { tokenType } from "../gguf.ts";

export interface ByteVocabulary {
  /** In the order of the file: the 256 bytes as GPT-2's characters, then the markers, then unused tokens. */
  readonly pieces: readonly string[];
  readonly types: Int32Array;
  /** Number of bytes and markers. */
  readonly usedCount: number;
  /** The token of each marker. */
  readonly markers: ReadonlyMap<string, number>;
}

/**
 * @param size number of tokens, with unused ones at the end; by default no unused ones
 * @throws Error when a marker is empty or both control and user-defined
 */
export function makeByteVocabulary(
  { control, userDefined, bos, eos, eot }: FamilyVocabulary,
  size = 0,
): ByteVocabulary {
  const ends = [bos, eos, eot].filter((text) => text !== undefined);
  const controls = [...new Set([...control, ...ends])];
  const texts = [...controls, ...new Set(userDefined)];
  const markers = new Map(texts.map((text, index) => [text, byteCharacters.length + index]));
  if (markers.has("")) throw new Error("Cannot make a vocabulary: a marker is empty");
  const twice = controls.find((text) => userDefined.includes(text));
  if (twice !== undefined) throw new Error(`Cannot make a vocabulary: ${twice} is both control and user-defined`);
  const types = texts.map((_, index) => (index < controls.length ? tokenType.control : tokenType.userDefined));
  const used = [...byteCharacters, ...texts];
  // The names of llama.cpp's converter for the unused end of a vocabulary.
  const unused = Array.from({ length: Math.max(0, size - used.length) }, (_, index) => `[PAD${used.length + index}]`);
  return {
    pieces: [...used, ...unused],
    types: Int32Array.from([
      ...byteCharacters.map(() => tokenType.normal),
      ...types,
      ...unused.map(() => tokenType.unused),
    ]),
    usedCount: used.length,
    markers,
  };
}

/** GPT-2's alphabet: printable bytes are their own characters, the other 68 bytes are the characters from U+0100 on, in order. */
const byteCharacters: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  if (isPrintable(byte)) return String.fromCharCode(byte);
  const before = Array.from({ length: byte }, (_unused, other) => other).filter((other) => !isPrintable(other)).length;
  return String.fromCharCode(0x100 + before);
});

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}
