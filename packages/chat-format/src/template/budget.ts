// Counts the work of a rendering, and stops the rendering at its limits. Counts steps, not time, so that the result is the same on every machine.
// The steps also bound the memory. The heap limit of the renderer's thread cannot: V8 ends the whole process if one allocation is far above it.
import { charsPerStep, comparisonsPerStep, maxCallDepth, type RenderLimits } from "./limits.ts";
import { overLimit } from "./template-error.ts";

export interface Budget {
  /** Steps so far; at the limit a few more. */
  readonly spent: number;
  /** @throws TemplateError limit, like all functions of a budget */
  spend(steps: number): void;
  /** Checks the length of a text, and counts its steps. Called before the text is made, so that no memory is wasted. */
  text(length: number): void;
  /** Counts the characters that are read or the items that are moved, without a limit for their number. */
  read(length: number): void;
  /** Counts a search for `part`. In the worst case, V8 compares the whole part at each place of the text. */
  search(text: string, part: string): void;
  /** Returns a function that counts the characters added to a growing text. */
  growingText(): (length: number) => void;
  /** Runs a function one level of macro calls deeper. */
  deeper<T>(run: () => T): T;
}

export function createBudget(limits: RenderLimits): Budget {
  let left = limits.steps;
  let depth = 0;

  function spend(steps: number): void {
    left -= steps;
    if (left < 0) throw overLimit(`it takes more than ${limits.steps} steps`);
  }

  function text(length: number): void {
    if (length > limits.textChars) throw overLimit(`it makes a text of more than ${limits.textChars} characters`);
    spend(Math.ceil(length / charsPerStep));
  }

  return {
    get spent() {
      return limits.steps - left;
    },
    spend,
    text,
    read: (length) => spend(length / charsPerStep),
    search(whole, part) {
      const places = Math.max(0, whole.length - part.length + 1);
      spend((places * part.length) / comparisonsPerStep);
    },
    growingText() {
      let whole = 0;
      let uncharged = 0;
      return (length) => {
        whole += length;
        uncharged += length;
        if (whole > limits.textChars) text(whole);
        spend(Math.floor(uncharged / charsPerStep));
        uncharged %= charsPerStep;
      };
    },
    deeper(run) {
      if (depth >= maxCallDepth) throw overLimit(`its macros call each other more than ${maxCallDepth} deep`);
      depth += 1;
      try {
        return run();
      } finally {
        depth -= 1;
      }
    },
  };
}
