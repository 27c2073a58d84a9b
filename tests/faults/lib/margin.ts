// Owns how close a model was to another token at some place of an answer: what a rounding would have had to change in its logits.
import type { Worker } from "@waggle/testing/harness";
import type { GenerateRequestInput } from "@waggle/protocol";

interface Probable {
  readonly id: number;
  readonly logprob: number;
}

/** A place of an undisturbed answer, and the token that another answer has there. */
export interface Place {
  readonly request: GenerateRequestInput;
  /** Of the undisturbed answer. */
  readonly ids: readonly number[];
  readonly at: number;
  readonly other: number;
}

/** As many as the route gives. */
const candidates = 20;
/** Changes of logits that are tried, one after the other. */
const changes = [1e-5, 3e-5, 1e-4, 3e-4, 9.9e-4, 2e-3, 5e-3, 9.9e-3];

/**
 * How far apart the two tokens are in the answer's logits. Where they are penalised, or the token is drawn: the least change of those tried that,
 * taken from the logits of the tokens up to the border between the two, brings one, and added to them the other.
 * @returns Infinity where none does, and where one of the two is far from being sampled
 */
export async function marginOf(worker: Worker, { request, ids, at, other }: Place): Promise<number> {
  const prompt = [...(await promptOf(worker, request)), ...ids.slice(0, at)];
  const top = await mostProbable(worker, prompt);
  const [rank, otherRank] = [ids[at], other].map((token) => top.findIndex(({ id }) => id === token));
  const [first, second] = [top[rank ?? -1], top[otherRank ?? -1]];
  if (first === undefined || second === undefined) return Infinity;
  // Who is held to a format is neither penalised nor drawn here, and would begin its format anew.
  if (isHeld(request)) return Math.abs(first.logprob - second.logprob);
  const isGreedy = request.temperature === 0;
  const before = isGreedy ? [first] : top.slice(0, Math.min(rank ?? 0, otherRank ?? 0) + 1);
  for (const change of changes) {
    const fewer = await sampled(worker, request, { prompt, tokens: before, bias: -change });
    const more = await sampled(worker, request, { prompt, tokens: before, bias: change });
    if (fewer !== more && [fewer, more].every((token) => token === first.id || token === second.id)) return change;
  }
  return Infinity;
}

function isHeld({ json_schema: schema, tools, grammar }: GenerateRequestInput): boolean {
  return schema !== undefined || tools !== undefined || grammar !== undefined;
}

async function mostProbable(worker: Worker, prompt: readonly number[]): Promise<readonly Probable[]> {
  const answer = await post(worker, "/completion", { prompt, n_predict: 1, n_probs: candidates, temperature: 0 });
  const { completion_probabilities: all } = answer as { completion_probabilities: { top_logprobs: Probable[] }[] };
  return all[0]?.top_logprobs ?? [];
}

/** What comes next at this place, with its own random numbers: llama-server's route has our names for each sampling setting. */
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
  if (!response.ok) throw new Error(`Cannot ask for the margin: ${await response.text()}`);
  return await response.json();
}
