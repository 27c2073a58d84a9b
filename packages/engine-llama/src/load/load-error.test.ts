import { expect, test } from "vitest";
import { createErrorLines, reasonIn } from "./load-error.ts";

test.each([
  [
    "unknown model architecture: 'zzzzz'",
    [
      "llama_model_load: error loading model: unknown model architecture: 'zzzzz'",
      "llama_model_load_from_file_impl: failed to load model",
    ],
  ],
  [
    "tensor 'blk.0.attn_q.weight' not found",
    [
      "llama_model_load: error loading model: missing tensor 'blk.0.attn_q.weight'",
      "llama_model_load: error loading model: check_tensor_dims: tensor 'blk.0.attn_q.weight' not found",
      "llama_model_load_from_file_impl: failed to load model",
    ],
  ],
  [
    "string length 8 exceeds remaining file size 6 bytes",
    [
      "read: string length 8 exceeds remaining file size 6 bytes",
      "gguf_init_from_reader: failed to read key-value pairs",
      "llama_model_load: error loading model: llama_model_loader: failed to load model from /x.gguf",
      "llama_model_load_from_file_impl: failed to load model",
    ],
  ],
  [undefined, ["llama_model_load_from_file_impl: failed to load model"]],
  [undefined, []],
])("the reason in llama.cpp's log is %s", (reason, lines) => {
  expect(reasonIn(lines)).toBe(reason);
});

test("waits for lines that arrive after the failure", async () => {
  const errors = createErrorLines();
  setImmediate(() => errors.add("llama_model_load: error loading model: out of luck\nfailed to load model\n"));
  expect(await errors.reason()).toBe("out of luck");
});
