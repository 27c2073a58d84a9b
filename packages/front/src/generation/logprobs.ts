// Owns logprobs in the shape that OpenAI and Ollama share.
import type { ChatLogprobs, Logprob } from "@waggle/protocol";

type TokenLogprobs = ChatLogprobs["content"];

export function tokenLogprobs(entries: readonly Logprob[]): TokenLogprobs {
  return entries.map(({ bytes, logprob, top }) => ({
    ...tokenLogprob(bytes, logprob),
    top_logprobs: top.map((other) => tokenLogprob(other.bytes, other.logprob)),
  }));
}

/** If the bytes are only a part of a character, the text has U+FFFD. */
export function tokenText(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString("utf8");
}

function tokenLogprob(bytes: readonly number[], logprob: number): TokenLogprobs[number]["top_logprobs"][number] {
  return { token: tokenText(bytes), logprob, bytes: [...bytes] };
}
