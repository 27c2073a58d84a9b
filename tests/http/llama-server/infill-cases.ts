// Owns the cases of infill. Each byte and each marker is one token of the model, so a prompt has as many tokens as bytes and markers.
import { refused, type Json, type LlamaServerCase } from "./cases.ts";

/** `<repository>myproject\n<file>filename\n`, in tokens. */
const currentFile = 1 + 10 + 1 + 9;
const route = { method: "POST", path: "/infill" } as const;

function infill(name: string, body: Json, promptTokens: number): LlamaServerCase {
  const expect = { status: 200, tokens_evaluated: promptTokens, stop_type: "eos" };
  return { name, ...route, body: { ...body, temperature: 0 }, expect };
}

export const infillCases: readonly LlamaServerCase[] = [
  infill("a hole", { input_prefix: "ab", input_suffix: "cd" }, 3 + 4 + currentFile),
  infill("a hole that has begun", { input_prefix: "ab", input_suffix: "cd", prompt: "ef" }, 3 + 6 + currentFile),
  infill(
    "a hole with other files",
    { input_prefix: "ab", input_suffix: "cd", input_extra: [{ filename: "a.h", text: "int a;\n" }, { text: "b" }] },
    3 + 4 + currentFile + (1 + 4 + 7) + (1 + 4 + 1),
  ),
  infill("code that contains a marker", { input_prefix: "<|fim_suffix|>", input_suffix: "" }, 3 + 14 + currentFile),
  infill(
    "more code than a prompt can have",
    { input_prefix: "a".repeat(3_000), input_suffix: "b".repeat(3_000) },
    1 + 1_536 + 1 + 510 + 1 + currentFile,
  ),
  ...[{}, { filename: "ok" }, { filename: 123, text: "abc" }].map((extra): LlamaServerCase => ({
    name: `a file such as ${JSON.stringify(extra)}`,
    ...route,
    body: { input_prefix: "ab", input_suffix: "cd", input_extra: [extra] },
    expect: refused("invalid_request_error", 400),
  })),
];
