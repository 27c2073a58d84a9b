// Owns asking a server how long a prompt is, in the words of the dialect that it comes in.
import { objectIn } from "../processes/log.ts";

export type Body = Readonly<Record<string, unknown>>;

interface Question {
  /** Where it is asked; by default where the body would go itself. */
  readonly path?: string;
  readonly body: Body;
}

/** By the path of what asks for an answer: what asks for next to none, and tells the prompt's length. */
const questions: Readonly<Record<string, (body: Body) => Question>> = {
  "/v1/chat/completions": ({ max_completion_tokens: _, ...body }) => ({ body: { ...body, max_tokens: 1 } }),
  "/v1/completions": (body) => ({ body: { ...body, max_tokens: 1 } }),
  "/v1/responses": (body) => ({ body: { ...body, max_output_tokens: 1, store: false } }),
  "/v1/messages": ({ max_tokens: _, ...body }) => ({ path: "/v1/messages/count_tokens", body }),
  "/api/chat": withNumPredict,
  "/api/generate": withNumPredict,
  "/completion": (body) => ({ body: { ...body, n_predict: 0 } }),
  "/infill": (body) => ({ body: { ...body, n_predict: 0 } }),
};

function withNumPredict({ options, ...body }: Body): Question {
  return { body: { ...body, options: { ...(options as Body | undefined), num_predict: 1 } } };
}

/** Whether what is posted there asks for an answer whose prompt's length can be asked for. */
export function isAnswerPath(path: string): boolean {
  return path in questions;
}

/** Of the prompt of a body that is posted to `path`, streamed or not. @throws Error with the server's own words */
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

/** What an answer says of its prompt, in any dialect's words; NaN where it says nothing. */
export function promptTokensIn(answer: Body): number {
  const usage = (answer["usage"] ?? answer) as Body;
  const count = ["prompt_tokens", "input_tokens", "prompt_eval_count", "tokens_evaluated"].find(
    (name) => name in usage,
  );
  // Anthropic's input tokens leave out what the cache had.
  const cached = ["cache_read_input_tokens", "cache_creation_input_tokens"].map((name) => Number(usage[name] ?? 0));
  return cached.reduce((sum, tokens) => sum + tokens, Number(count === undefined ? NaN : usage[count]));
}
