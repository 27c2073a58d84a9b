// Owns how sure a model was of a token: by how much the most probable one led, in the answer that nothing disturbs.
import type { Worker } from "@waggle/harness";
import type { GenerateRequestInput } from "@waggle/protocol";

interface Probable {
  readonly logprob: number;
}

/**
 * The difference of the two greatest logprobs at this token of the answer, which is asked for again.
 * @returns NaN where the answer is shorter
 */
export async function marginOf(worker: Worker, request: GenerateRequestInput, at: number): Promise<number> {
  const tops = request.messages === undefined ? await ofCompletion(worker, request) : await ofChat(worker, request);
  const [first, second] = tops[at] ?? [];
  return (first?.logprob ?? NaN) - (second?.logprob ?? NaN);
}

/** llama-server's route takes every sampling setting by the name that it has in ours. */
async function ofCompletion(worker: Worker, request: GenerateRequestInput): Promise<Probable[][]> {
  const { max_tokens: n_predict, repetition_limit: _, ...rest } = request;
  const answer = await post(worker, "/completion", { ...rest, n_predict, n_probs: 2 });
  const { completion_probabilities: all = [] } = answer as {
    completion_probabilities?: { top_logprobs: Probable[] }[];
  };
  return all.map(({ top_logprobs: top }) => top);
}

async function ofChat(worker: Worker, request: GenerateRequestInput): Promise<Probable[][]> {
  const answer = await post(worker, "/v1/chat/completions", { ...request, logprobs: true, top_logprobs: 2 });
  const { choices } = answer as { choices: { logprobs: { content: { top_logprobs: Probable[] }[] } }[] };
  return (choices[0]?.logprobs.content ?? []).map(({ top_logprobs: top }) => top);
}

async function post(worker: Worker, path: string, body: object): Promise<unknown> {
  const response = await fetch(`${worker.url}${path}`, { method: "POST", body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`Cannot ask for the margin: ${await response.text()}`);
  return await response.json();
}
