// Owns what all three formats of decisions become: a state and a list of typed questions with options.
import { isGiven, refuseField } from "@waggle/protocol";
import type { OpenAiDecisionRequest, SglangDecisionRequest } from "@waggle/protocol";
import type { Rendered } from "./state.ts";

/** The fields that all formats have. */
export type Settings = Pick<OpenAiDecisionRequest, "model" | "orders" | "temperature" | "scoring" | "receipt">;

export interface DecisionRequest extends Settings, Pick<SglangDecisionRequest, "chat_template_kwargs"> {
  readonly state: Rendered;
  readonly questions: readonly Question[];
}

export type QuestionType = "noul" | "choice" | "score";

export interface Question {
  /** `noul`: whether something is so. Its options are yes and no, in this order. */
  readonly type: QuestionType;
  /** The client's name, which no prompt has. */
  readonly id: string;
  /** The question's field in the request, for errors. */
  readonly field: string;
  readonly instructions: Rendered | undefined;
  readonly options: readonly Option[];
}

export interface Option {
  readonly text: string;
  readonly description: string | undefined;
  /** As answers have it: a label, a position, or OpenAI's typed value. */
  readonly key: string | boolean;
  /** The description of a choice or the whole level, as the client sent it. */
  readonly value: unknown;
}

/** @param fieldAt the field of the value with this index, for the error @throws WaggleError invalid_argument if two values are the same */
export function refuseEqual(values: readonly unknown[], fieldAt: (at: number) => string): void {
  const seen = new Set();
  const at = values.findIndex((value) => seen.size === seen.add(value).size);
  if (at !== -1) throw refuseField(fieldAt(at), "an earlier one is the same");
}

export function noulOptions(yes?: unknown, no?: unknown): readonly Option[] {
  return [choiceOption("yes", yes), choiceOption("no", no)];
}

export function choiceOption(key: string | boolean, description: unknown): Option {
  return { text: String(key), description: descriptionOf(description), key, value: description ?? null };
}

/** A level of a score: a text, any JSON, or an object with a label and a description, as LangChain4j sends them. */
export function levelOption(level: unknown, index: number): Option {
  const { label, description } = Object(level) as { readonly label?: unknown; readonly description?: unknown };
  const named = typeof label === "string" ? choiceOption(label, description) : choiceOption(textOf(level), undefined);
  return { ...named, key: String(index), value: level };
}

/** Some clients send an empty text for a description that they do not have. */
function descriptionOf(description: unknown): string | undefined {
  return isGiven(description) ? textOf(description) : undefined;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
