// Owns the cases of the server's state, its models and its tokenizer, on the embedded model.
import { caseContextSize, caseSlots, refused, type LlamaServerCase } from "./cases.ts";

const story = "Once upon a time";

export const serverCases: readonly LlamaServerCase[] = [
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
    expect: { status: 200, "tokens/0/piece": /./ },
  },
  {
    name: "tokens to text",
    method: "POST",
    path: "/detokenize",
    body: { tokens: [403, 407, 261, 378] },
    expect: { status: 200, content: /./ },
  },
  {
    name: "a conversation as text",
    method: "POST",
    path: "/apply-template",
    body: { messages: [{ role: "user", content: "Hello" }] },
    expect: { status: 200, prompt: /Hello/ },
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
      model_path: /\.gguf$/,
      chat_template: /messages/,
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
