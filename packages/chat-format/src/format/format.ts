// Owns the record that describes how a model writes prompts and answers. The streaming reader and the grammar are made from this record. The
// record is plain data, which passes between processes as JSON.
import type { TemplateInputs } from "./inputs/template-inputs.ts";
import type { AnswerItem } from "./syntax.ts";

export type { TemplateInputs, ThoughtKey } from "./inputs/template-inputs.ts";

export interface ChatFormat {
  /** "derived", a family's name, or "generic". */
  readonly name: string;
  /** The items that may begin within an answer; all other text is content. The longest beginning wins; if beginnings are equal, the first item. */
  readonly answer: readonly AnswerItem[];
  /** Texts that open an assistant's turn in a prompt. The answer begins after the last occurrence of such a text. */
  readonly turnOpens: readonly string[];
  /** Texts that begin or end parts of an answer and may be single tokens. No other text becomes a mark. */
  readonly markers: readonly string[];
  /** The markers that are single tokens, with the characters that replace them; set by `withMarks`. */
  readonly marks: readonly Mark[];
  /** Text with which the server can end a thought and begin the content, with markers as plain text. Absent: the format has no thoughts. */
  readonly thoughtEnd?: string;
  readonly inputs: TemplateInputs;
  readonly abilities: Abilities;
  /** Why the format does not cover the whole template, as a sentence. */
  readonly warning?: string;
}

export interface Mark {
  /** One character from U+FDD1 to U+FDEF. */
  readonly mark: string;
  readonly text: string;
  /** Whether the marker is a control token. The text of a control token outside of the syntax is dropped. */
  readonly control: boolean;
}

/** Abilities that were proven at load: the reader understood the template's output. */
export interface Abilities {
  readonly tools: boolean;
  readonly parallelCalls: boolean;
  readonly thinking: "always" | "switchable" | "never";
  /** The switch, if `thinking` is "switchable". */
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
