// Owns the logprobs of tokens that stand in a prompt: what the library is asked about each place, and what its answer means.
import type { Token, TokenLogprobs } from "@waggle/engine";
import type { ControlledEvaluateInputItem, ControlledEvaluateIndexOutput, Token as LlamaToken } from "node-llama-cpp";

/** Most bytes of logits that one step may have llama.cpp hold for them: it makes room for them once, and keeps it. */
const maxLogitBytes = 64 * 1024 * 1024;
const bytesPerLogit = 4;
/** However small the vocabulary is: the message of a step has all of their logprobs. */
const mostFollowers = 128;

const greedy = { temperature: 0, topK: 0, topP: 1, minP: 0 };

/** Most followers in one step. */
export function maxFollowersOf(vocabularySize: number): number {
  return Math.max(1, Math.min(mostFollowers, Math.floor(maxLogitBytes / (bytesPerLogit * vocabularySize))));
}

/**
 * The tokens to compute, with what is asked after each that has a follower. Greedy, so that the token which the library selects is the most
 * probable one: sorting the whole vocabulary, which takes it milliseconds, is only for those who want more than that one.
 */
export function withFollowers(
  tokens: readonly LlamaToken[],
  followers: readonly Token[],
  count: number,
): ControlledEvaluateInputItem[] {
  return tokens.map((token, i) => {
    const follower = followers[i] as LlamaToken | undefined;
    if (follower === undefined) return token;
    const top = count > 1 ? { includeTop: count } : {};
    const filter = { tokens: [follower], includeSelected: true, ...top };
    return [token, { generateNext: { logits: { filter }, totalLogitWeight: true, options: greedy } }];
  });
}

/** @throws Error when the library gave no logits for one of them */
export function followerLogprobs(
  outputs: readonly (ControlledEvaluateIndexOutput | undefined)[],
  followers: readonly Token[],
  count: number,
): TokenLogprobs[] {
  return followers.map((follower, i) => {
    const { logits, totalLogitWeight } = outputs[i]?.next ?? {};
    const own = logits?.get(follower as LlamaToken);
    if (logits === undefined || own === undefined) throw new Error("The library gave no logits of a prompt's token");
    const all = [...logits].sort(([, a], [, b]) => b - a);
    const [, greatest = 0] = all[0] ?? [];
    const logprobOf = (logit: number): number => logit - greatest - Math.log(totalLogitWeight ?? 1);
    const top = all.slice(0, count).map(([token, logit]) => ({ token, logprob: logprobOf(logit) }));
    return { logprob: logprobOf(own), top };
  });
}
