// Owns logprobs as OpenAI's and Ollama's clients both read them.
import type { Logprob } from "@waggle/protocol";

/** Of one token; its bytes may be part of a character, and then its text has a replacement for it. */
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
