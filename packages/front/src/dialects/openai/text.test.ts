import type { EndEvent, TokenEvent } from "@waggle/protocol";
import { expect, test } from "vitest";
import { textCompletion } from "./text.ts";

const stream = { stream_id: "s" };
const end = { ...stream, type: "end", finish_reason: "stop" } as unknown as EndEvent;

function token(choice: number, text: string, logprob = -1): TokenEvent {
  const logprobs = [{ id: 0, bytes: [...Buffer.from(text)], logprob, top: [] }];
  return { ...stream, type: "token", index: 0, text, t_ms: 0, choice, logprobs };
}

test("the best answers of each prompt are shown, best first", () => {
  const answers = textCompletion({ best: { of: 3, shown: 2 } }).collect({
    head: {} as never,
    choices: 6,
    logprobs: false,
  });
  [-3, -1, -2, -4, -6, -5].forEach((logprob, choice) => {
    answers.add(token(choice, String(choice), logprob));
    // The mean logprob counts, so a longer answer is not ranked lower.
    if (choice === 1) answers.add(token(choice, "b", logprob));
  });
  const shown = answers.choices(end).map((choice) => [choice.index, "text" in choice && choice.text]);
  expect(shown).toEqual([
    [0, "1b"],
    [1, "2"],
    [2, "3"],
    [3, "5"],
  ]);
});
