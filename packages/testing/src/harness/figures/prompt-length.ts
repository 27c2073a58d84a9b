// Owns the counting of a prompt's tokens by a server, with a request in the prompt's dialect.
import { objectIn } from "../processes/log.ts";

export type Body = Readonly<Record<string, unknown>>;

interface Question {
  /** Route of the question; by default the route of the prompt's request. */
  readonly path?: string;
  readonly body: Body;
}

/** For each route that generates text: a request with the same prompt and at most one token of output. Its response reports the prompt's length. */
const questions: Readonly<Record<string, (body: Body) => Question>> = {
  "/v1/chat/completions": ({ max_completion_tokens: _, ...body }) => ({ body: { ...body, max_tokens: 1 } }),
  "/v1/completions": (body) => ({ body: { ...body, max_tokens: 1 } }),
  "/v1/responses": ({ max_output_tokens: _, store: __, ...body }) => ({ path: "/v1/responses/input_tokens", body }),
  "/v1/messages": ({ max_tokens: _, ...body }) => ({ path: "/v1/messages/count_tokens", body }),
  "/api/chat": withNumPredict,
  "/api/generate": withNumPredict,
  "/completion": (body) => ({ body: { ...body, n_predict: 0 } }),
  "/infill": (body) => ({ body: { ...body, n_predict: 0 } }),
};

function withNumPredict({ options, ...body }: Body): Question {
  return { body: { ...body, options: { ...(options as Body | undefined), num_predict: 1 } } };
}

/** Whether `promptTokens` can count the prompts of this route. */
export function isAnswerPath(path: string): boolean {
  return path in questions;
}

/** Counts the tokens of the prompt in a body for `path`, streamed or not. @throws Error with the server's response */
export async function promptTokens(url: string, path: string, body: Body): Promise<number> {
  const { stream_options: _, ...asked } = body;
  const question = questions[path]?.({ ...asked, stream: false }) ?? { body: { ...asked, stream: false } };
  const target = `${url}${question.path ?? path}`;
  const response = await fetch(target, { method: "POST", body: JSON.stringify(question.body) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`Cannot count a prompt: ${text}`);
  const count = promptTokensIn(objectIn(text) ?? {});
  if (Number.isInteger(count)) return count;
  throw new Error(`Cannot count a prompt: ${text}`);
}

/** The prompt's tokens that an answer of any dialect reports; NaN when the answer reports no such number. */
export function promptTokensIn(answer: Body): number {
  const usage = (answer["usage"] ?? answer) as Body;
  const count = ["prompt_tokens", "input_tokens", "prompt_eval_count", "tokens_evaluated"].find(
    (name) => name in usage,
  );
  // Anthropic's input tokens exclude tokens from the cache.
  const cached = ["cache_read_input_tokens", "cache_creation_input_tokens"].map((name) => Number(usage[name] ?? 0));
  return cached.reduce((sum, tokens) => sum + tokens, Number(count === undefined ? NaN : usage[count]));
}
