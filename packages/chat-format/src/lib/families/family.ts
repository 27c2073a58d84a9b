// Owns what a family is that probing does not find out.
import type { AnswerItem } from "../syntax.ts";

export interface Family {
  readonly name: string;
  /** Whether a template is the family's, by what only its text holds. */
  isFamily(template: string): boolean;
  readonly answer: readonly AnswerItem[];
  /** The answer stands beside what probing found, after it, and replaces nothing. */
  readonly besides?: true;
  /** Replaces what probing found. */
  readonly turnOpens?: readonly string[];
  /** Markers that could be tokens and do not look like it (`<…>`, `[ABC]`, whole literals are found by themselves). */
  readonly markers?: readonly string[];
}
