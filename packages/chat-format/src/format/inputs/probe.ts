// Defines the texts that are put into a template's input, and the search for them in the rendering.
import type { Render } from "../derive/conversations.ts";

export type Values = Readonly<Record<string, unknown>>;

/** Undefined where the template refuses. */
export type Attempt = (values: Values) => Promise<string | undefined>;

/** More needles than a format is derived from; no two share a beginning. */
export const texts = {
  system: "Mrtv commands here",
  second: "Dgls demands here",
  parts: ["Fjord begins here", "Lqsz continues here"],
  results: ["Znyx resulted here", "Ckwb followed here"],
  notJson: "Gphm is no JSON",
} as const;

export function attempts(render: Render): Attempt {
  return async (values) => {
    try {
      return await render({ add_generation_prompt: true, ...values });
    } catch {
      return undefined;
    }
  };
}

export function shows(text: string | undefined, ...expected: readonly string[]): boolean {
  return text !== undefined && expected.every((needle) => text.includes(needle));
}

export function times(text: string | undefined, word: string): number {
  return text === undefined ? 0 : text.split(word).length - 1;
}
