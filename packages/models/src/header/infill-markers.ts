// Finds the tokens that mark the parts of an infill prompt. A model that has them was trained for infill.
import type { VisitText } from "./cursor.ts";
import type { Metadata } from "./metadata.ts";

/** Token ids of the markers. Infill works without `repository` and `file`. */
export interface InfillMarkers {
  readonly prefix: number;
  readonly suffix: number;
  readonly middle: number;
  readonly repository?: number | undefined;
  readonly file?: number | undefined;
}

type InfillPart = keyof InfillMarkers;

/** Metadata keys below `tokenizer.ggml`, the older key last, and texts of the tokens in vocabularies. Both are copied from llama.cpp. */
const known: Readonly<Record<InfillPart, { readonly keys: readonly string[]; readonly texts: readonly string[] }>> = {
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
};

const parts = Object.keys(known) as readonly InfillPart[];
const partByText = new Map(parts.flatMap((part) => known[part].texts.map((text) => [text, part] as const)));
const textBytes = [...partByText.keys()].map((text) => Buffer.byteLength(text));
const [leastBytes, mostBytes] = [Math.min(...textBytes), Math.max(...textBytes)];
const lastByte = ">".codePointAt(0);

export interface InfillSearch {
  /** Call it with each token of the vocabulary, in order. */
  readonly onToken: VisitText;
  /** @returns undefined if a prefix, suffix or middle marker is missing */
  found(metadata: Pick<Metadata, "number">): InfillMarkers | undefined;
}

/** A token id in the metadata overrides the vocabulary. In the vocabulary, the first token with a known text counts. */
export function createInfillSearch(): InfillSearch {
  const seen = new Map<InfillPart, number>();
  return {
    onToken(bytes, start, end, index) {
      // All markers end with ">". Most tokens do not, and need no decoding.
      if (end - start < leastBytes || end - start > mostBytes || bytes[end - 1] !== lastByte) return;
      const part = partByText.get(bytes.toString("utf8", start, end));
      if (part !== undefined && !seen.has(part)) seen.set(part, index);
    },
    found(metadata) {
      const find = (part: InfillPart): number | undefined => {
        const named = known[part].keys.map((key) => metadata.number(`tokenizer.ggml.${key}`));
        return named.find((token) => token !== undefined) ?? seen.get(part);
      };
      const [prefix, suffix, middle] = [find("prefix"), find("suffix"), find("middle")];
      if (prefix === undefined || suffix === undefined || middle === undefined) return undefined;
      return { prefix, suffix, middle, repository: find("repository"), file: find("file") };
    },
  };
}
