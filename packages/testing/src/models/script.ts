// Owns what a scripted model is to say: from texts with markers in them to the token after each place.
import type { ByteVocabulary } from "./byte-vocabulary.ts";

/**
 * A string's markers become their tokens, as a tokenizer takes them: at each place the longest. In pieces, `text` is written in bytes
 * whatever it says, and `token` is one marker.
 */
export type Script = string | readonly ({ readonly text: string } | { readonly token: string })[];

/** One answer, and to which prompt. */
export interface Answer {
  /** The place of its first token, which is how many tokens are before it: 57 answers a prompt of 57 tokens. */
  readonly at: number;
  readonly say: Script;
}

type Tokenize = (script: Script) => number[];

export function createScriptTokenizer({ markers }: Pick<ByteVocabulary, "markers">): Tokenize {
  const longestFirst = [...markers].toSorted(([a], [b]) => b.length - a.length);
  const bytes = (text: string): number[] => [...Buffer.from(text)];

  function parse(text: string): number[] {
    const tokens: number[] = [];
    let plain = 0;
    for (let at = 0; at < text.length;) {
      const marker = longestFirst.find(([candidate]) => text.startsWith(candidate, at));
      if (marker === undefined) at += 1;
      else {
        tokens.push(...bytes(text.slice(plain, at)), marker[1]);
        at += marker[0].length;
        plain = at;
      }
    }
    return [...tokens, ...bytes(text.slice(plain))];
  }

  function tokenOf(marker: string): number {
    const token = markers.get(marker);
    if (token === undefined) throw new Error(`Cannot say ${marker}: the model has no such marker`);
    return token;
  }

  return (script) =>
    typeof script === "string"
      ? parse(script)
      : script.flatMap((piece) => ("token" in piece ? [tokenOf(piece.token)] : bytes(piece.text)));
}

/**
 * The token that follows each of the context's places: after each answer, and wherever no answer is, it is the end.
 * @throws Error when an answer does not fit into the context, or into the places before the next one
 */
export function tokensByPlace(
  answers: readonly Answer[],
  { context, end, tokenize }: { readonly context: number; readonly end: number; readonly tokenize: Tokenize },
): number[] {
  const places = Array.from({ length: context }, () => end);
  let free = 1;
  for (const { at, say } of answers.toSorted((a, b) => a.at - b.at)) {
    const tokens = tokenize(say);
    if (!Number.isInteger(at) || at < free)
      throw new Error(`Cannot say anything at ${at}: the first free place is ${free}`);
    free = at + tokens.length + 1;
    if (free > context + 1)
      throw new Error(`Cannot say ${tokens.length} tokens at ${at}: the context ends at ${context}`);
    tokens.forEach((token, index) => (places[at - 1 + index] = token));
  }
  return places;
}
