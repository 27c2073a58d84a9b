// Owns the one plain record that describes the syntax of a model family. The streaming reader and the grammar both come from it; it crosses the
// border between processes as JSON.
import type { TemplateInputs } from "./inputs/template-inputs.ts";
import type { AnswerItem } from "./syntax.ts";

export type { TemplateInputs, ThoughtKey } from "./inputs/template-inputs.ts";

export interface ChatFormat {
  /** "derived", a family's name, or "generic". */
  readonly name: string;
  /** An answer is content in which these may begin. The longest beginning wins, then the first item. */
  readonly answer: readonly AnswerItem[];
  /** What a prompt ends with where an assistant's turn begins, before anything of the answer itself. The last to be found is it. */
  readonly turnOpens: readonly string[];
  /** Texts that begin or end parts and may be single tokens; only these ever become marks. */
  readonly markers: readonly string[];
  /** The markers that are tokens, each with the character that replaces it; set by `withMarks`. */
  readonly marks: readonly Mark[];
  /** What closes a thought from outside, so that the content begins; markers as text. Absent: there are no thoughts. */
  readonly thoughtEnd?: string;
  readonly inputs: TemplateInputs;
  readonly abilities: Abilities;
  /** Why it is incomplete for the template; a sentence. */
  readonly warning?: string;
}

export interface Mark {
  /** One character from U+FDD1 to U+FDEF. */
  readonly mark: string;
  readonly text: string;
  /** Whether its text is dropped where it means nothing, as a control token's is. */
  readonly control: boolean;
}

/** What was found and proven at load, by a round trip through template and reader. */
export interface Abilities {
  readonly tools: boolean;
  readonly parallelCalls: boolean;
  readonly thinking: "always" | "switchable" | "never";
  /** Where it is switchable: how. */
  readonly thinkingSwitch?: ThinkingSwitch;
  /** Template variables that change how the answer begins. */
  readonly switches: readonly string[];
}

/** A template's variable, with its values for thinking and for not thinking. */
export interface ThinkingSwitch {
  readonly name: string;
  readonly on: unknown;
  readonly off: unknown;
}
