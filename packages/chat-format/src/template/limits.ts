// Lists the limits for one template: for its source, and for each rendering.

/** Limits of a source, checked before anything runs. */
export const sourceLimits = {
  /** The largest template in use has about 20,000. */
  chars: 1 << 20,
  /** Expressions and statements within each other. */
  nesting: 100,
} as const;

export interface RenderLimits {
  /** A step is a node of the template that is evaluated, an item that is visited, or a few characters that are made. */
  readonly steps: number;
  /** Of any one text: the result, and each on the way there. */
  readonly textChars: number;
  /** Macros that call each other. */
  readonly callDepth: number;
  /** Of the values that are rendered, and of what the template builds and prints. */
  readonly valueDepth: number;
  /** Of an integer that the template computes. */
  readonly integerBits: number;
}

export const defaultRenderLimits: RenderLimits = {
  steps: 20_000_000,
  textChars: 16 << 20,
  callDepth: 100,
  valueDepth: 500,
  integerBits: 4096,
};

/** As Jinja's sandbox has it. */
export const maxRangeItems = 100_000;

/** Characters that cost as much as one step when they are copied or searched. */
export const charsPerStep = 16;
