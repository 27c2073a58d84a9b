// Owns the cases of completions, on the embedded model.
import { caseContextSize, refused, type Json, type LlamaServerCase } from "./cases.ts";
import type { Expectations } from "./expectations.ts";

const story = "Once upon a time";
/** Tokens of the story with BOS, in the embedded model's vocabulary. */
const storyTokens = 5;
const greedy = { temperature: 0, seed: 42 };
const image = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

function completion(
  name: string,
  body: Json,
  expect: Expectations,
  more: Partial<LlamaServerCase> = {},
): LlamaServerCase {
  return { name, method: "POST", path: "/completion", body, expect, ...more };
}

export const completionCases: readonly LlamaServerCase[] = [
  completion(
    "a completion",
    { prompt: story, n_predict: 8, ...greedy },
    {
      status: 200,
      index: 0,
      content: /little girl/,
      stop: true,
      stop_type: "limit",
      stopping_word: "",
      tokens_predicted: 8,
      tokens_evaluated: storyTokens,
      tokens_cached: storyTokens + 7,
      truncated: false,
      has_new_line: false,
      tokens: [],
      "timings/predicted_n": 8,
      "generation_settings/n_predict": 8,
      "generation_settings/temperature": 0,
    },
  ),
  completion(
    "a completion with its tokens",
    { prompt: story, n_predict: 4, return_tokens: true, ...greedy },
    {
      status: 200,
      "tokens/length": 4,
    },
  ),
  completion(
    "a completion as a stream",
    { prompt: story, n_predict: 8, stream: true, ...greedy },
    {
      status: 200,
      content: /little girl/,
      frames: 9,
      "first/stop": false,
      "first/tokens/length": 1,
      "last/stop": true,
      "last/content": "",
      "last/stop_type": "limit",
      "last/tokens_predicted": 8,
      "last/truncated": false,
      "last/generation_settings/n_predict": 8,
    },
  ),
  completion(
    "timings with each piece",
    { prompt: story, n_predict: 3, stream: true, timings_per_token: true, ...greedy },
    {
      status: 200,
      "first/timings/predicted_n": 1,
      "last/timings/predicted_n": 3,
    },
  ),
  completion(
    "a completion without a token limit",
    { prompt: story, n_predict: -1, ...greedy },
    {
      status: 200,
      stop_type: /^(eos|limit)$/,
    },
  ),
  completion(
    "a stop string",
    { prompt: story, n_predict: 16, stop: ["girl"], ...greedy },
    {
      status: 200,
      content: /little $/,
      stop_type: "word",
      stopping_word: "girl",
    },
  ),
  completion(
    "a prompt without an answer",
    { prompt: `${story} there was`, n_predict: 0, ...greedy },
    { status: 200, stop: true, stop_type: "limit" },
    {
      otherwise: {
        why: "Waggle says nothing, as llama-server's README has it; llama-server says the first token",
        expect: { status: 200, content: "", tokens_predicted: 0 },
      },
    },
  ),
  completion(
    "a full context",
    { prompt: story, n_predict: 2_000, ignore_eos: true, ...greedy },
    {
      status: 200,
      truncated: true,
      stop_type: "limit",
    },
  ),
  completion(
    "a prompt that is too long",
    { prompt: `${story}. `.repeat(200), n_predict: 4 },
    {
      ...refused("exceed_context_size_error", 400),
      "error/n_ctx": caseContextSize,
    },
  ),
  completion(
    "a prompt in an object",
    { prompt: { prompt_string: story }, n_predict: 4, ...greedy },
    {
      status: 200,
      content: /./,
    },
  ),
  completion(
    "an image for a model that reads text only",
    { prompt: { prompt_string: "<__media__>", multimodal_data: [image] }, n_predict: 4 },
    refused("invalid_request_error", 400),
  ),
  completion("tokens", { prompt: [1, 100, 101, 102], n_predict: 4, ...greedy }, { status: 200, tokens_evaluated: 4 }),
  completion(
    "texts and tokens in one prompt",
    { prompt: [1, 100, "the", 101, "sun"], n_predict: 4, ...greedy },
    {
      status: 200,
      content: /./,
    },
  ),
  completion(
    "a list of prompts",
    { prompt: [story, [1, 100, 101], story], n_predict: 4, ...greedy },
    {
      status: 200,
      length: 3,
      "0/index": 0,
      "1/tokens_evaluated": 3,
      "2/index": 2,
    },
  ),
  completion(
    "several answers",
    { prompt: story, n_predict: 4, n_cmpl: 2, ...greedy },
    {
      status: 200,
      length: 2,
      "1/index": 1,
      "1/tokens_predicted": 4,
    },
  ),
  completion(
    "some fields of the answer",
    { prompt: story, n_predict: 4, response_fields: ["content", "generation_settings/n_predict", "none"], ...greedy },
    { status: 200, content: /./, "generation_settings/n_predict": 4, fields: 2 },
  ),
  completion(
    "no field of the answer",
    { prompt: story, n_predict: 0, response_fields: [""] },
    { status: 200, fields: 0 },
  ),
  completion(
    "probabilities",
    { prompt: story, n_predict: 3, n_probs: 5, ...greedy },
    {
      status: 200,
      "completion_probabilities/length": 3,
      "completion_probabilities/0/top_logprobs/length": 5,
      "completion_probabilities/0/top_logprobs/0/token": /./,
    },
  ),
  completion(
    "probabilities in a stream",
    { prompt: story, n_predict: 3, n_probs: 5, stream: true, ...greedy },
    {
      status: 200,
      "first/completion_probabilities/length": 1,
      "first/completion_probabilities/0/top_logprobs/length": 5,
    },
  ),
  completion(
    "probabilities after sampling",
    { prompt: story, n_predict: 2, n_probs: 2, post_sampling_probs: true },
    { status: 200, "completion_probabilities/0/top_probs/0/prob": /./ },
    {
      otherwise: {
        why: "probabilities are those of the model's distribution alone, so the field is refused by name",
        expect: refused("invalid_request_error", 400),
      },
    },
  ),
  completion(
    "a ban by text",
    { prompt: story, n_predict: 8, logit_bias: [[" little", false]], ...greedy },
    {
      status: 200,
      content: /^(?!.*little)/su,
    },
  ),
  completion(
    "a ban by text in an object",
    { prompt: story, n_predict: 8, logit_bias: { " little": -100 }, ...greedy },
    {
      status: 200,
      content: /^(?!.*little)/su,
    },
  ),
  completion(
    "a grammar",
    { prompt: story, n_predict: 8, grammar: 'root ::= "a" | "b"', ...greedy },
    {
      status: 200,
      content: /^[ab]$/,
    },
  ),
  completion(
    "a JSON schema",
    { prompt: story, n_predict: 64, json_schema: { type: "boolean" }, ...greedy },
    {
      status: 200,
      content: /true|false/,
    },
  ),
  completion(
    "the samplers of an editor",
    { prompt: story, n_predict: 4, samplers: ["top_k", "top_p", "infill"], seed: 1 },
    { status: 200, "generation_settings/samplers/2": "infill" },
    { otherwise: { why: "a sampler that is not named is reported as off; and each draws its own random numbers" } },
  ),
  completion(
    "a completion that ignores the end token",
    { prompt: story, n_predict: 8, ignore_eos: true, ...greedy },
    {
      status: 200,
      tokens_predicted: 8,
    },
  ),
  completion(
    "a dynamic temperature",
    { prompt: story, n_predict: 2, dynatemp_range: 0.5 },
    { status: 200 },
    {
      otherwise: {
        why: "there is no such sampler, so the field is refused by name unless it is off",
        expect: refused("invalid_request_error", 400),
      },
    },
  ),
  {
    ...completion(
      "a completion on the path /completions",
      { prompt: story, n_predict: 4, ...greedy },
      { status: 200, stop: true },
    ),
    path: "/completions",
  },
  completion("no prompt", { n_predict: 4 }, refused("invalid_request_error", 400)),
  {
    name: "infill on a model that was not trained for it",
    method: "POST",
    path: "/infill",
    body: { input_prefix: "int main() {\n", input_suffix: "}\n", prompt: "  return " },
    expect: refused("not_supported_error", 501),
  },
];
