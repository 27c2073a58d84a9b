// Owns how code with a hole becomes tokens for models that were trained to fill one: their markers, and how much of the code goes in.
//
// The order is that of Qwen2.5-Coder's repository-level prompts (arXiv 2409.12186), which llama-server uses for all models:
// [repository]name [file]name text … [file]name [prefix]… [suffix]… [middle].
import type { InfillPrompt, Token } from "@waggle/engine";
import type { InfillMarkers } from "@waggle/gguf";

/** Around the hole, at most; three quarters of it before. As much as llama-server takes, which is its batch. */
const nearTokens = 2_048;
/** Kept free for the answer, at most; such answers are short. */
const answerTokens = 1_024;
/** Where a file has no marker, this stands between two. */
const snippetLine = "\n\n--- snippet ---\n\n";
/** The name of nothing in particular: a request names neither. */
const [repositoryName, currentFileName] = ["myproject", "filename"];

export interface InfillOptions {
  readonly markers: InfillMarkers;
  readonly contextSize: number;
  /** Most characters that a token may stand for. */
  readonly maxCharsPerToken: number;
  /** The bare tokenizer; control tokens are not read. */
  readonly tokenize: (text: string) => Promise<readonly Token[]>;
}

/** The prompt without BOS. What does not fit goes: the far ends of the code, and of the other files the first. */
export async function infillTokens(
  { prefix, suffix, extra, prompt }: InfillPrompt,
  { markers, contextSize, maxCharsPerToken, tokenize }: InfillOptions,
): Promise<Token[]> {
  const near = Math.min(nearTokens, Math.floor(contextSize / 2));
  const quarter = Math.floor(near / 4);
  const room = contextSize - near - Math.min(answerTokens, Math.floor(contextSize / 4));

  // No more of a text is looked at than may be needed.
  const lastTokens = async (text: string, most: number): Promise<readonly Token[]> =>
    last(await tokenize(last(text, most * maxCharsPerToken)), most);

  /** As many as there is room for; the last ones are the nearest. */
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
  const said = await lastTokens(prompt, quarter);
  const mostAfter = Math.max(0, quarter - 2 - said.length);
  const after = (await tokenize(suffix.slice(0, mostAfter * maxCharsPerToken))).slice(0, mostAfter);
  return [...others, markers.prefix, ...before, ...said, markers.suffix, ...after, markers.middle];
}

function last<T extends string | readonly unknown[]>(all: T, count: number): T {
  return (count <= 0 ? all.slice(0, 0) : all.slice(-count)) as T;
}
