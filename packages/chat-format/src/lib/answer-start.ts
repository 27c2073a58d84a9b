// Owns where the reader begins: what the prompt has already said of the answer.
import type { AnswerStart, ChatFormat } from "./format.ts";

/** What a prompt says of the answer is looked for in this much of its end; a longer beginning of an answer is taken to be content. */
const maxSaidChars = 1_048_576;

/** @param prompt as rendered, its markers as text */
export function answerStart({ turnOpens }: Pick<ChatFormat, "turnOpens">, prompt: string): AnswerStart {
  const ends = turnOpens.map((open) => ({ open, at: prompt.lastIndexOf(open) })).filter(({ at }) => at !== -1);
  const begins = Math.max(...ends.map(({ open, at }) => at + open.length));
  if (ends.length === 0 || prompt.length - begins > maxSaidChars) return { said: "" };
  return { said: prompt.slice(begins) };
}
