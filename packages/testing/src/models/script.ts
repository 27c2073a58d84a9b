// Owns the tokens of a scripted model: translates its answers, texts with markers, to a list of the token after each position.
import type { ByteVocabulary } from "./vocabulary/byte-vocabulary.ts";

/**
 * In a string, each marker becomes its token, the longest at each position, as in a tokenizer. In a list, `text` becomes bytes even if it contains a
 * marker, and `token` is one marker.
 */
export type Script = string | readonly ({ readonly text: string } | { readonly token: string })[];

/** One answer, and the length of its prompt. */
export interface Answer {
  /** Position of the answer's first token, which equals the number of tokens before it: 57 answers a prompt of 57 tokens. */
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
 * The token after each position of the context. After an answer, and where there is no answer, it is the end token.
 * @throws Error when an answer does not fit into the context, or overlaps the next answer
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
