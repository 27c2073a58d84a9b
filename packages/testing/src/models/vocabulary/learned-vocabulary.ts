// Owns the vocabulary of made-up decoders: byte-pair encoding, with about four bytes a token in English and code. Can encode any text.
//
// learned-pieces.txt has the pieces in the order in which they were learned, as characters of GPT-2's alphabet. They were learned once, from the documents
// and sources of this repository, its dependencies, Python's library and llama.cpp; a change of these texts does not change the pieces.
import { readFileSync } from "node:fs";
import { makeByteVocabulary } from "./byte-vocabulary.ts";
import type { FamilyVocabulary } from "./family-vocabulary.ts";
import { tokenType } from "../gguf.ts";
import { madeUpWords } from "./made-up-words.ts";

export interface LearnedVocabulary {
  /** The bytes, the family's markers, the learned pieces, and made-up words up to the requested size. */
  readonly pieces: readonly string[];
  readonly types: Int32Array;
  /** The two halves of each learned piece, in order. The tokenizer joins the halves of earlier pieces first. */
  readonly merges: readonly string[];
  /** The token of each marker. */
  readonly markers: ReadonlyMap<string, number>;
}

/** A space in GPT-2's alphabet, with which a word begins. */
const space = "\u0120";

/** @throws Error when `size` is too small for the bytes and markers */
export function makeLearnedVocabulary(size: number, family: FamilyVocabulary): LearnedVocabulary {
  const { pieces: bytes, types, markers } = makeByteVocabulary(family);
  if (size < bytes.length) throw new Error(`Cannot make a vocabulary of ${size}: it takes at least ${bytes.length}`);
  const learned = learnedPieces().slice(0, size - bytes.length);
  const pieces = new Set([...bytes, ...learned]);
  for (const word of madeUpWords(space)) {
    if (pieces.size === size) break;
    pieces.add(word);
  }
  return {
    pieces: [...pieces],
    types: Int32Array.from({ length: size }, (_, token) => types[token] ?? tokenType.normal),
    merges: mergesOf(learned),
    markers,
  };
}

function learnedPieces(): string[] {
  return readFileSync(new URL("learned-pieces.txt", import.meta.url), "utf8")
    .trim()
    .split(/[ \n]/);
}

function mergesOf(learned: readonly string[]): string[] {
  const ranks = new Map<string, number>();
  return learned.map((piece) => {
    const parts = longestParts(piece, ranks);
    if (parts.length !== 2) throw new Error(`Cannot use the learned piece ${piece}: its halves are not earlier pieces`);
    ranks.set(piece, ranks.size);
    return parts.join(" ");
  });
}

/** The longest parts of a piece that earlier pieces give. */
function longestParts(piece: string, ranks: ReadonlyMap<string, number>): string[] {
  const parts = [...piece];
  for (;;) {
    const joined = parts.slice(1).map((part, index) => ranks.get(`${parts[index]}${part}`) ?? Infinity);
    const first = Math.min(...joined);
    if (first === Infinity) return parts;
    const at = joined.indexOf(first);
    parts.splice(at, 2, `${parts[at]}${parts[at + 1]}`);
  }
}
