// Owns how many tokens of a prompt may have their logprobs asked for in one step.

/** Most bytes of logits that one step may have llama.cpp hold for them: it makes room for them once, and keeps it. */
const maxLogitBytes = 64 * 1024 * 1024;
const bytesPerLogit = 4;
/** However small the vocabulary is: the message of a step has all of their logprobs. */
const mostFollowers = 128;

/** Most followers in one step. */
export function maxFollowersOf(vocabularySize: number): number {
  return Math.max(1, Math.min(mostFollowers, Math.floor(maxLogitBytes / (bytesPerLogit * vocabularySize))));
}
