// Lists the limits for one template: for its source, and for each rendering.
import { overLimit } from "./template-error.ts";

/** Limits of a source, checked when it is parsed. */
export const sourceLimits = {
  /** Characters. The largest template in use has about 20,000. */
  chars: 1 << 20,
  /** Depth of nested expressions and statements. */
  nesting: 100,
} as const;

export interface RenderLimits {
  /** Maximum number of steps of a rendering. A step is the evaluation of a node, a visit to an item, or the making of a few characters. */
  readonly steps: number;
  /** Longest text: the result, or a text that the template makes. Characters. */
  readonly textChars: number;
}

export const defaultRenderLimits: RenderLimits = { steps: 20_000_000, textChars: 16 << 20 };

/** Maximum number of nested calls of macros and recursive loops. */
export const maxCallDepth = 100;

/** Maximum number of bits of an integer that a template computes. */
export const maxIntegerBits = 4096;

/** Maximum number of items of a range; the same limit as in Jinja's sandbox. */
export const maxRangeItems = 100_000;

/** Deepest nesting of the values that a template gets, compares or prints. */
const maxValueDepth = 500;

/** @param what begins the message @throws TemplateError limit */
export function checkDepth(depth: number, what: string): void {
  if (depth > maxValueDepth) throw overLimit(`${what} more than ${maxValueDepth} levels`);
}

/** Characters that can be copied or read in one step, and items of a list that can be moved. */
export const charsPerStep = 16;

/** Characters that a search can compare in one step. V8 compares about two in a nanosecond. */
export const comparisonsPerStep = 1_024;
