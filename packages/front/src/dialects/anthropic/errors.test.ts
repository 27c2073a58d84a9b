import { WaggleError } from "@waggle/protocol";
import { expect, test } from "vitest";
import { anthropicError } from "./errors.ts";

test("an error has Anthropic's type and the request's name", () => {
  expect(anthropicError(new WaggleError("unavailable", "Cannot."), "r")).toEqual({
    type: "error",
    error: { type: "overloaded_error", message: "Cannot." },
    request_id: "r",
  });
});

test("the error of a prompt that is too long has the words that Claude Code looks for", () => {
  const details = { n_prompt_tokens: 5_000, n_ctx: 4_096 };
  const { error } = anthropicError(new WaggleError("invalid_argument", "Cannot.", { details }), "r");
  expect(error).toEqual({
    type: "invalid_request_error",
    message: "prompt is too long: 5000 tokens > 4095 maximum",
  });
});
