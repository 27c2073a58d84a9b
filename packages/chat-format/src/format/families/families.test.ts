import { llamaTemplates } from "../../testing/template/llama-templates.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bookTools, familyFormat } from "../../testing/family-examples.ts";
import { cut, readAnswer } from "../../testing/read-answer.ts";
import { createReader } from "../reader.ts";
import { families } from "./families.ts";

describe("families", () => {
  it("are recognised by their templates, and no template matches two families", () => {
    const found: Record<string, string[]> = {};
    for (const [template, source] of llamaTemplates()) {
      const known = families.filter(({ isFamily }) => isFamily(source)).map(({ name }) => name);
      expect(known.length, template).toBeLessThan(2);
      for (const name of known) (found[name] ??= []).push(template);
    }
    expect(found).toMatchObject({
      "deepseek-v3.2": ["deepseek-ai-DeepSeek-V3.2"],
      "deepseek-v4": ["deepseek-ai-DeepSeek-V4-Flash-0731", "deepseek-ai-DeepSeek-V4"],
      "functionary-3.2": ["meetkai-functionary-medium-v3.2"],
      "gemma-4": ["google-gemma-4-31B-it-interleaved", "google-gemma-4-31B-it"],
      "gpt-oss": ["openai-gpt-oss-120b"],
      "kimi-k2": ["Kimi-K2-Instruct", "Kimi-K2-Thinking", "moonshotai-Kimi-K2"],
      "kimi-k3": ["Kimi-K3"],
      lfm2: ["LFM2-8B-A1B", "LFM2.5-8B-A1B", "LFM2.5-Instruct"],
      ling: ["inclusionai-ling-3.0-flash"],
      minicpm5: ["openbmb-MiniCPM5-1B"],
      "minimax-m3": ["MiniMax-M3"],
      muse: ["muse-glimmer"],
      "python-tag": [
        "meetkai-functionary-medium-v3.1",
        "meta-llama-Llama-3.1-8B-Instruct",
        "meta-llama-Llama-3.3-70B-Instruct",
      ],
    });
    expect(Object.keys(found).toSorted()).toEqual(families.map(({ name }) => name).toSorted());
  });

  const rows = families.map((family) => ({ name: family.name, family }));

  it.each(rows)("$name: random markers give the same parts in pieces of any length", ({ family }) => {
    const format = familyFormat(family);
    const words = [
      "book",
      "now",
      "city",
      "days",
      "note",
      "who",
      "5",
      '"',
      "{",
      "}",
      "[",
      "]",
      ",",
      "\n",
      " ",
      "<",
      "\\",
    ];
    // Half of the pieces are markers, so that most texts contain calls, and some of the calls are incomplete.
    const piece = fc.oneof(fc.constantFrom(...format.markers), fc.constantFrom(...words));
    const lengths = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), lengths, (heap, cuts) => {
        const text = heap.join("");
        const whole = readAnswer(format, [text], { tools: bookTools });
        expect(readAnswer(format, cut(text, cuts), { tools: bookTools })).toEqual(whole);
      }),
    );
  });

  it.each(rows)("$name: endless repetition of a marker takes linear time", { timeout: 60_000 }, ({ family }) => {
    const format = familyFormat(family);
    // Quadratic time would take minutes.
    for (const marker of format.markers) {
      const reader = createReader({ format, tools: bookTools });
      for (let taken = 0; taken < 1_000; taken += 1) reader.push(marker);
    }
  });
});
