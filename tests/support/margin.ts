// Computes how close a model was to choosing another token at a place of an answer: the smallest change of logits that changes the token.
import type { Worker } from "@waggle/testing/harness";
import type { GenerateRequestInput } from "@waggle/protocol";

interface Probable {
  readonly id: number;
  readonly logprob: number;
}

/** A place of an undisturbed answer, and the token that another answer has there. */
export interface AnswerPlace {
  readonly request: GenerateRequestInput;
  /** Token ids of the undisturbed answer. */
  readonly ids: readonly number[];
  readonly at: number;
  readonly other: number;
}

/**
 * Logits closer than this count as a tie: batches of other shapes round differently. Measured with the embedded model at 224 places of answers of 900
 * tokens: between four streams at once and one prefill of the same tokens, the difference of the two best logits changes by up to 4.8e-3 (p95 1.9e-3).
 */
export const tieMargin = 2.5e-3;
/** Largest number of candidates that /completion returns. */
const candidates = 20;
/** Changes of logits that are tried in turn. */
const changes = [1e-5, 3e-5, 1e-4, 3e-4, 9.9e-4, 2e-3, 5e-3, 9.9e-3];

/**
 * In answers with a schema, tools or a grammar: the difference of the two tokens' log probabilities. In other answers: the smallest tried change of
 * logits that decides between the two tokens. It is subtracted from the logits of all tokens up to the more probable one of the two, or added to
 * them: one way gives one token, the other way the other token.
 * @returns Infinity if no tried change decides, or if one of the tokens is not among the most probable ones
 */
export async function marginOf(worker: Worker, { request, ids, at, other }: AnswerPlace): Promise<number> {
  const prompt = [...(await promptOf(worker, request)), ...ids.slice(0, at)];
  const top = await mostProbable(worker, prompt);
  const [rank, otherRank] = [ids[at], other].map((token) => top.findIndex(({ id }) => id === token));
  const [first, second] = [top[rank ?? -1], top[otherRank ?? -1]];
  if (first === undefined || second === undefined) return Infinity;
  // These answers have no penalties and are greedy here. Sampling again would restart the grammar in the middle of the answer.
  if (hasGrammar(request)) return Math.abs(first.logprob - second.logprob);
  const isGreedy = request.temperature === 0;
  const before = isGreedy ? [first] : top.slice(0, Math.min(rank ?? 0, otherRank ?? 0) + 1);
  for (const change of changes) {
    const fewer = await sampled(worker, request, { prompt, tokens: before, bias: -change });
    const more = await sampled(worker, request, { prompt, tokens: before, bias: change });
    if (fewer !== more && [fewer, more].every((token) => token === first.id || token === second.id)) return change;
  }
  return Infinity;
}

function hasGrammar({ json_schema: schema, tools, grammar }: GenerateRequestInput): boolean {
  return schema !== undefined || tools !== undefined || grammar !== undefined;
}

async function mostProbable(worker: Worker, prompt: readonly number[]): Promise<readonly Probable[]> {
  const answer = await post(worker, "/completion", { prompt, n_predict: 1, n_probs: candidates, temperature: 0 });
  const { completion_probabilities: all } = answer as { completion_probabilities: { top_logprobs: Probable[] }[] };
  return all[0]?.top_logprobs ?? [];
}

/** Samples the next token, with the request's settings and random numbers. llama-server's route has the same names for sampling settings. */
async function sampled(
  worker: Worker,
  request: GenerateRequestInput,
  { prompt, tokens, bias }: { prompt: readonly number[]; tokens: readonly Probable[]; bias: number },
): Promise<number | undefined> {
  const { prompt: _, max_tokens: __, stop: ___, repetition_limit: ____, ...sampling } = request;
  const logitBias = tokens.map(({ id }) => [id, bias]);
  const body = { ...sampling, prompt, n_predict: 1, logit_bias: logitBias, return_tokens: true };
  return ((await post(worker, "/completion", body)) as { tokens: readonly number[] }).tokens[0];
}

async function promptOf(worker: Worker, { prompt, messages, tools }: GenerateRequestInput): Promise<readonly number[]> {
  const rendered = messages === undefined ? { prompt } : await post(worker, "/apply-template", { messages, tools });
  const content = (rendered as { prompt: string }).prompt;
  const answer = await post(worker, "/tokenize", { content, add_special: true, parse_special: true });
  return (answer as { tokens: readonly number[] }).tokens;
}

async function post(worker: Worker, path: string, body: object): Promise<unknown> {
  const response = await fetch(`${worker.url}${path}`, { method: "POST", body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`Cannot compute the margin: ${await response.text()}`);
  return await response.json();
}
