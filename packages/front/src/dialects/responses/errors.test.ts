import { WaggleError } from "@waggle/protocol";
import { expect, test } from "vitest";
import { responseErrorOf } from "./errors.ts";

test("the error of a full queue contains the retry time in the words that Codex reads", () => {
  const error = new WaggleError("resource_exhausted", "The queue is full.", { retryAfterS: 3 });
  expect(responseErrorOf(error)).toEqual({
    code: "rate_limit_exceeded",
    message: "The queue is full. Please try again in 3s.",
  });
});

test.each([
  ["a full queue without a retry time", new WaggleError("resource_exhausted", "x"), "rate_limit_exceeded"],
  [
    "a prompt that is too long",
    new WaggleError("invalid_argument", "x", { details: { n_prompt_tokens: 9, n_ctx: 8 } }),
    "context_length_exceeded",
  ],
  ["any other wrong prompt", new WaggleError("invalid_argument", "x"), "invalid_prompt"],
  ["an internal error", new WaggleError("internal", "x", { retryAfterS: 3 }), "server_error"],
])("%s has the code of OpenAI", (_, error, code) => {
  expect(responseErrorOf(error)).toEqual({ code, message: "x" });
});
