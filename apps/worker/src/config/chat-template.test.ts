// Tests --chat-template: the name of a template of llama.cpp or Waggle, or a file.
import { expect, test } from "vitest";
import { readChatTemplate } from "./chat-template.ts";

const files: Readonly<Record<string, string>> = { "own.jinja": "{{ messages }}", llama3: "a file of that name" };

function read(path: string): string {
  const text = files[path];
  if (text === undefined) throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
  return text;
}

test.each([
  ["a name of a template of llama.cpp, even if a file has that name", "llama3", "llama3"],
  ["a name of a template of Waggle", "generic", "generic"],
  ["a file", "own.jinja", "{{ messages }}"],
])("%s", (_, given, taken) => {
  expect(readChatTemplate(given, read)).toBe(taken);
});

test("the error for an unknown name lists the names", () => {
  expect(() => readChatTemplate("llama5", read)).toThrow(
    /^Cannot use --chat-template llama5: no such file; a name is one of chatml, .*gemma, .*vicuna, .*generic\.$/,
  );
});
