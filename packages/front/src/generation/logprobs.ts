// Owns logprobs in the shape that OpenAI and Ollama share.
import type { Logprob } from "@waggle/protocol";

/** If the bytes are only a part of a character, the text has U+FFFD. */
export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: number[];
}

export function tokenLogprobs(
  entries: readonly Logprob[],
): (TokenLogprob & { readonly top_logprobs: TokenLogprob[] })[] {
  return entries.map(({ bytes, logprob, top }) => ({
    ...tokenLogprob(bytes, logprob),
    top_logprobs: top.map((other) => tokenLogprob(other.bytes, other.logprob)),
  }));
}

export function tokenText(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString("utf8");
}

function tokenLogprob(bytes: readonly number[], logprob: number): TokenLogprob {
  return { token: tokenText(bytes), logprob, bytes: [...bytes] };
}
