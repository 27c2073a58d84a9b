// Defines the entry of a model family: what probing cannot detect.
import type { AnswerItem } from "../syntax.ts";

export interface Family {
  readonly name: string;
  /** Whether a template is the family's, by what only its text holds. */
  isFamily(template: string): boolean;
  readonly answer: readonly AnswerItem[];
  /** If set, the family's answer items are added after the items that probing found, instead of replacing them. */
  readonly besides?: true;
  /** Replaces what probing found. */
  readonly turnOpens?: readonly string[];
  /** Markers that could be tokens and do not look like it (`<…>`, `[ABC]`, whole literals are found by themselves). */
  readonly markers?: readonly string[];
}
