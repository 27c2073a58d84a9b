import { expect, it } from "vitest";
import { complaint, sentence } from "./complaint.ts";
import { createStyle } from "./style.ts";

it("an error line begins with the program's name, and ends like a sentence", () => {
  expect(complaint("waggle", "Cannot load model \u001b]0;\u0007x.gguf: no such\u202e file")).toBe(
    "waggle: Cannot load model ]0;x.gguf: no such file.\n",
  );
  expect(complaint("waggle", "No.", createStyle(true))).toBe("\u001b[31mwaggle:\u001b[39m No.\n");
  expect(["Why?", "So (or so)", "So. (Or so.)", "a\n"].map(sentence)).toEqual([
    "Why?",
    "So (or so).",
    "So. (Or so.)",
    "a.",
  ]);
});
