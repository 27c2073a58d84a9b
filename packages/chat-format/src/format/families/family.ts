// Defines the entry of a model family: the parts of its format that probing cannot detect.
import type { AnswerItem } from "../syntax.ts";

export interface Family {
  readonly name: string;
  /** Recognises the family's templates by texts that no other template contains. */
  isFamily(template: string): boolean;
  readonly answer: readonly AnswerItem[];
  /** If set, the family's answer items are added after the items that probing found, instead of replacing them. */
  readonly besides?: true;
  /** If set, replaces the `turnOpens` that probing found. */
  readonly turnOpens?: readonly string[];
  /** More markers that may be tokens. `markersOf` finds only markers like `<…>` or `[ABC]`, and whole literals. */
  readonly markers?: readonly string[];
}
