// Owns how code with a hole becomes tokens for models that were trained to fill one: their markers, and how much of the code goes in.
//
// The order is that of Qwen2.5-Coder's repository-level prompts (arXiv 2409.12186), which llama-server uses for all models:
// [repository]name [file]name text … [file]name [prefix]… [suffix]… [middle].
import type { InfillPrompt, Token } from "@waggle/engine";

/** The tokens that mark the parts of a prompt; the first three are enough. */
export interface InfillMarkers {
  readonly prefix: Token;
  readonly suffix: Token;
  readonly middle: Token;
  readonly repository?: Token | undefined;
  readonly file?: Token | undefined;
}

/** Metadata keys below `tokenizer.ggml`, the older name last, and the texts of such tokens, both as llama.cpp knows them. */
const known = {
  prefix: {
    keys: ["fim_pre_token_id", "prefix_token_id"],
    texts: [
      ...["<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>"],
      ...["<|code_prefix|>", "<|prefix|>"],
    ],
  },
  suffix: {
    keys: ["fim_suf_token_id", "suffix_token_id"],
    texts: [
      ...["<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>"],
      ...["<|code_suffix|>", "<|suffix|>"],
    ],
  },
  middle: {
    keys: ["fim_mid_token_id", "middle_token_id"],
    texts: [
      ...["<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>"],
      ...["<|code_middle|>", "<|middle|>"],
    ],
  },
  repository: {
    keys: ["fim_rep_token_id"],
    texts: ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
  },
  file: { keys: ["fim_sep_token_id"], texts: ["<|file_sep|>"] },
} as const;

/**
 * Undefined where the model was not trained to fill in.
 * @param metadata of the file, below `tokenizer.ggml`
 * @param pieces the vocabulary's tokens as the file has them
 */
export function findInfillMarkers(
  metadata: Readonly<Record<string, unknown>>,
  pieces: readonly string[],
): InfillMarkers | undefined {
  const find = ({ keys, texts }: (typeof known)[keyof typeof known]): Token | undefined => {
    const named = keys.map((key) => metadata[key]).find((token) => typeof token === "number");
    if (named !== undefined) return named;
    const wanted: readonly string[] = texts;
    const found = pieces.findIndex((piece) => wanted.includes(piece));
    return found === -1 ? undefined : found;
  };
  const [prefix, suffix, middle] = [find(known.prefix), find(known.suffix), find(known.middle)];
  if (prefix === undefined || suffix === undefined || middle === undefined) return undefined;
  return { prefix, suffix, middle, repository: find(known.repository), file: find(known.file) };
}

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
