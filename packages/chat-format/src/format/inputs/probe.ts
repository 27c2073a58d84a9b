// Defines the needles for probing a template's inputs, and the search for needles in a rendering.
import type { Render } from "../derive/conversations.ts";

export type Values = Readonly<Record<string, unknown>>;

/** Renders the values; undefined if the template refuses them. */
export type Attempt = (values: Values) => Promise<string | undefined>;

/** Needles in addition to those in conversations.ts; no two begin alike. */
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
