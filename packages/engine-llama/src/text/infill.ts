// Tokenizes an infill prompt: puts the model's markers around the text before and after the hole, and cuts what does not fit.
//
// The order is that of Qwen2.5-Coder's repository-level prompts (arXiv 2409.12186), which llama-server uses for all models:
// [repository]name [file]name text … [file]name [prefix]… [suffix]… [middle].
import type { InfillPrompt, Token } from "@waggle/engine";
import type { InfillMarkers } from "@waggle/models/header";

/** Maximum number of tokens around the hole; three quarters of them before it. llama-server has the same limit, its default batch size. */
const nearTokens = 2_048;
/** Maximum number of tokens that are kept free for the answer. Infill answers are short. */
const answerTokens = 1_024;
/** Text between two files, if the model has no marker for files. */
const snippetLine = "\n\n--- snippet ---\n\n";
/** Placeholders, because requests have no name for the repository or the current file. */
const [repositoryName, currentFileName] = ["myproject", "filename"];

export interface InfillOptions {
  readonly markers: InfillMarkers;
  readonly contextSize: number;
  readonly maxCharsPerToken: number;
  /** Tokenizes a text, without BOS or other added tokens. Does not parse control tokens. */
  readonly tokenize: (text: string) => Promise<readonly Token[]>;
}

/** @returns the prompt without BOS. Text that does not fit is left out: code far from the hole, and the first other files. */
export async function infillTokens(
  { prefix, suffix, extra, prompt }: InfillPrompt,
  { markers, contextSize, maxCharsPerToken, tokenize }: InfillOptions,
): Promise<Token[]> {
  const near = Math.min(nearTokens, Math.floor(contextSize / 2));
  const quarter = Math.floor(near / 4);
  const room = contextSize - near - Math.min(answerTokens, Math.floor(contextSize / 4));

  // Tokenizes only the part of the text that may be needed.
  const lastTokens = async (text: string, most: number): Promise<readonly Token[]> =>
    last(await tokenize(last(text, most * maxCharsPerToken)), most);

  /** Tokens of the other files that fit. The last files are the most relevant. */
  async function otherFiles(): Promise<Token[]> {
    const { repository, file } = markers;
    const pieces: (readonly [marker: Token | undefined, text: string])[] = extra.flatMap(({ filename, text }) => [
      file === undefined ? [undefined, snippetLine] : [file, `${filename}\n`],
      [undefined, text],
    ]);
    if (repository !== undefined) pieces.unshift([repository, `${repositoryName}\n`]);
    if (file !== undefined) pieces.push([file, `${currentFileName}\n`]);
    let tokens: Token[] = [];
    for (const [marker, text] of pieces.toReversed()) {
      if (tokens.length >= room) break;
      tokens = [...(marker === undefined ? [] : [marker]), ...(await lastTokens(text, room)), ...tokens];
    }
    return last(tokens, room);
  }

  const others = await otherFiles();
  const before = await lastTokens(prefix, 3 * quarter);
  const begun = await lastTokens(prompt, quarter);
  const mostAfter = Math.max(0, quarter - 2 - begun.length);
  const after = (await tokenize(suffix.slice(0, mostAfter * maxCharsPerToken))).slice(0, mostAfter);
  return [...others, markers.prefix, ...before, ...begun, markers.suffix, ...after, markers.middle];
}

function last<T extends string | readonly unknown[]>(all: T, count: number): T {
  return (count <= 0 ? all.slice(0, 0) : all.slice(-count)) as T;
}
