// Finds recommended models by the names that people type: `qwen3`, `gemma3:4b`, `Qwen3-4B-Q4_K_M`.
import { recommendedModels, type RecommendedModel } from "./recommended-models.ts";

/** The end of a name that says only how large a model is: `4B`, `30B A3B`. */
const isSize = (word: string): boolean => /^a?\d+(?:\.\d+)?b$/.test(word);

/** @returns the models of that name, from small to large; a name without a size may mean several */
export function recommendedByName(name: string): readonly RecommendedModel[] {
  const typed = letters(
    name
      .toLowerCase()
      .replace(/:latest$|\.gguf$/, "")
      .replace(/[-_.:](?:i?q\d\w*|mxfp4|b?f16)$/, "")
      .replace(/-(?:instruct|it)(?=[-:]|$)/, ""),
  );
  return recommendedModels.filter((model) => {
    const words = model.name.toLowerCase().split(" ");
    return words.some((_, i) => words.slice(0, i + 1).join("") === typed && words.slice(i + 1).every(isSize));
  });
}

function letters(text: string): string {
  return text.replaceAll(/[^a-z\d.]/g, "").replaceAll("gptoss", "gpt-oss");
}
