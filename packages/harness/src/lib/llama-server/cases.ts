// Owns requests to llama-server's routes and what must come of them on the embedded model, from any server that speaks its dialect. They ask
// what the tests of llama.cpp's tools/server ask (test_completion, test_infill, test_tokenize, test_ctx_shift, test_ignore_eos, test_basic).
import { text, type Expectations } from "./expectations.ts";

type Json = Readonly<Record<string, unknown>>;

export interface LlamaServerCase {
  readonly name: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: Json;
  /** Of the answer's status and its leaves, by their paths. */
  readonly expect: Expectations;
  /** What Waggle answers otherwise, and why; its own expectations stand beside. */
  readonly otherwise?: { readonly why: string; readonly expect: Expectations };
}

/** Slots of so many tokens are what the cases are about. */
export const caseContextSize = 512;
export const caseSlots = 2;

const story = "Once upon a time";
/** The tokens of the story with BOS; the vocabulary is the embedded model's. */
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

const refused = (type: string, code: number): Expectations => ({
  status: code,
  "error/code": code,
  "error/type": type,
  "error/message": text(/./),
});

const completions: readonly LlamaServerCase[] = [
  completion(
    "a completion",
    { prompt: story, n_predict: 8, ...greedy },
    {
      status: 200,
      index: 0,
      content: text(/little girl/),
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
    "with its tokens",
    { prompt: story, n_predict: 4, return_tokens: true, ...greedy },
    {
      status: 200,
      "tokens/length": 4,
    },
  ),
  completion(
    "as a stream",
    { prompt: story, n_predict: 8, stream: true, ...greedy },
    {
      status: 200,
      content: text(/little girl/),
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
    "to the end of the model's own",
    { prompt: story, n_predict: -1, ...greedy },
    {
      status: 200,
      stop_type: text(/^(eos|limit)$/),
    },
  ),
  completion(
    "a stop string",
    { prompt: story, n_predict: 16, stop: ["girl"], ...greedy },
    {
      status: 200,
      content: text(/little $/),
      stop_type: "word",
      stopping_word: "girl",
    },
  ),
  completion(
    "nothing but the prompt",
    { prompt: `${story} there was`, n_predict: 0, ...greedy },
    { status: 200, stop: true },
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
      content: text(/./),
    },
  ),
  completion(
    "an image for a model without eyes",
    { prompt: { prompt_string: "<__media__>", multimodal_data: [image] }, n_predict: 4 },
    refused("invalid_request_error", 400),
  ),
  completion("tokens", { prompt: [1, 100, 101, 102], n_predict: 4, ...greedy }, { status: 200, tokens_evaluated: 4 }),
  completion(
    "texts and tokens in one prompt",
    { prompt: [1, 100, "the", 101, "sun"], n_predict: 4, ...greedy },
    {
      status: 200,
      content: text(/./),
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
    { status: 200, content: text(/./), "generation_settings/n_predict": 4, fields: 2 },
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
      "completion_probabilities/0/top_logprobs/0/token": text(/./),
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
    { status: 200, "completion_probabilities/0/top_probs/0/prob": text(/./) },
    {
      otherwise: {
        why: "probabilities are told of the model's own distribution alone, so the field is refused by name",
        expect: refused("invalid_request_error", 400),
      },
    },
  ),
  completion(
    "a ban by text",
    { prompt: story, n_predict: 8, logit_bias: [[" little", false]], ...greedy },
    {
      status: 200,
      content: text(/^(?!.*little)/su),
    },
  ),
  completion(
    "a ban by text in an object",
    { prompt: story, n_predict: 8, logit_bias: { " little": -100 }, ...greedy },
    {
      status: 200,
      content: text(/^(?!.*little)/su),
    },
  ),
  completion(
    "a grammar",
    { prompt: story, n_predict: 8, grammar: 'root ::= "a" | "b"', ...greedy },
    {
      status: 200,
      content: text(/^[ab]$/),
    },
  ),
  completion(
    "a JSON schema",
    { prompt: story, n_predict: 64, json_schema: { type: "boolean" }, ...greedy },
    {
      status: 200,
      content: text(/true|false/),
    },
  ),
  completion(
    "the samplers of an editor",
    { prompt: story, n_predict: 4, samplers: ["top_k", "top_p", "infill"], seed: 1 },
    {
      status: 200,
      content: text(/^/),
    },
  ),
  completion(
    "without end",
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
      "the same on its other path",
      { prompt: story, n_predict: 4, ...greedy },
      { status: 200, stop: true },
    ),
    path: "/completions",
  },
  completion("no prompt", { n_predict: 4 }, refused("invalid_request_error", 400)),
  {
    name: "infill on a model that was not trained to",
    method: "POST",
    path: "/infill",
    body: { input_prefix: "int main() {\n", input_suffix: "}\n", prompt: "  return " },
    expect: refused("not_supported_error", 501),
  },
];

const others: readonly LlamaServerCase[] = [
  {
    name: "text to tokens",
    method: "POST",
    path: "/tokenize",
    body: { content: story },
    expect: { status: 200, "tokens/length": 4 },
  },
  {
    name: "text to tokens with BOS",
    method: "POST",
    path: "/tokenize",
    body: { content: story, add_special: true },
    expect: { status: 200, "tokens/0": 1 },
  },
  {
    name: "text to tokens and their pieces",
    method: "POST",
    path: "/tokenize",
    body: { content: "A ball 媽 🤗", with_pieces: true },
    expect: { status: 200, "tokens/0/piece": text(/./) },
  },
  {
    name: "tokens to text",
    method: "POST",
    path: "/detokenize",
    body: { tokens: [403, 407, 261, 378] },
    expect: { status: 200, content: text(/./) },
  },
  {
    name: "a conversation as text",
    method: "POST",
    path: "/apply-template",
    body: { messages: [{ role: "user", content: "Hello" }] },
    expect: { status: 200, prompt: text(/Hello/) },
  },
  { name: "health", method: "GET", path: "/health", expect: { status: 200, status_word: "ok" } },
  { name: "health under /v1", method: "GET", path: "/v1/health", expect: { status: 200 } },
  {
    name: "properties",
    method: "GET",
    path: "/props",
    expect: {
      status: 200,
      total_slots: caseSlots,
      "default_generation_settings/n_ctx": caseContextSize,
      model_path: text(/\.gguf$/),
      chat_template: text(/messages/),
      is_sleeping: false,
    },
  },
  {
    name: "slots",
    method: "GET",
    path: "/slots",
    expect: { status: 200, length: caseSlots, "0/id": 0, "0/n_ctx": caseContextSize, "0/is_processing": false },
  },
  { name: "a slot, if one is idle", method: "GET", path: "/slots?fail_on_no_slot=1", expect: { status: 200 } },
  {
    name: "a slot saved by hand",
    method: "POST",
    path: "/slots/0?action=save",
    body: { filename: "slot.bin" },
    expect: refused("not_supported_error", 501),
  },
  {
    name: "the models",
    method: "GET",
    path: "/v1/models",
    expect: { status: 200, "data/length": 1, "data/0/meta/n_ctx": caseContextSize },
  },
];

export const llamaServerCases: readonly LlamaServerCase[] = [...completions, ...others];
