// Owns what all three formats of decisions become: a state and a list of typed questions with options.
import { refuseField } from "@waggle/protocol";
import type { OpenAiDecisionRequest } from "@waggle/protocol";
import type { Rendered } from "./state.ts";

export interface DecisionRequest extends Settings {
  readonly model: string | null | undefined;
  readonly state: Rendered;
  readonly questions: readonly Question[];
  /** Variables of the chat template. */
  readonly templateKwargs?: Readonly<Record<string, unknown>> | null | undefined;
}

/** Waggle's additions to the formats. */
export interface Settings {
  readonly orders: 1 | 2;
  /** Undefined: as the model's file says, else 1. */
  readonly temperature: number | undefined;
  readonly scoring: "labels" | "text";
  readonly receipt: boolean;
}

export type QuestionType = "noul" | "choice" | "score";

export interface Question {
  /** `noul`: whether something is so. Its options are yes and no, in this order. */
  readonly type: QuestionType;
  /** The client's name. Only models that were trained for decisions read it. */
  readonly id: string;
  /** The question's field in the request, for errors. */
  readonly field: string;
  readonly instructions: Rendered | undefined;
  readonly options: readonly Option[];
}

export interface Option {
  readonly text: string;
  readonly description: string | undefined;
  /** The name and the description as models that were trained for decisions read them. */
  readonly key: string;
  readonly value: unknown;
}

export function settingsOf(
  body: Pick<OpenAiDecisionRequest, "model" | keyof Settings>,
): Settings & Pick<DecisionRequest, "model"> {
  const { model, orders, temperature, scoring, receipt } = body;
  return {
    model,
    orders: orders ?? 1,
    temperature: temperature ?? undefined,
    scoring: scoring ?? "labels",
    receipt: receipt === true,
  };
}

/** @param fieldAt the field of the value with this index, for the error @throws WaggleError invalid_argument if two values are the same */
export function refuseEqual(values: readonly unknown[], fieldAt: (at: number) => string): void {
  const seen = new Set();
  const at = values.findIndex((value) => seen.size === seen.add(value).size);
  if (at !== -1) throw refuseField(fieldAt(at), "an earlier one is the same");
}

export function noulOptions(yes: unknown, no: unknown): readonly Option[] {
  return [
    { text: "yes", description: descriptionOf(yes), key: "true", value: yes ?? null },
    { text: "no", description: descriptionOf(no), key: "false", value: no ?? null },
  ];
}

export function choiceOption(text: string, description: unknown): Option {
  return { text, description: descriptionOf(description), key: text, value: description ?? null };
}

/** A level of a score: a text, any JSON, or an object with a label and a description, as LangChain4j sends them. */
export function levelOption(level: unknown, index: number): Option {
  const { label, description } = Object(level) as { readonly label?: unknown; readonly description?: unknown };
  const isNamed = typeof label === "string";
  return {
    text: isNamed ? label : textOf(level),
    description: isNamed ? descriptionOf(description) : undefined,
    key: String(index),
    value: level,
  };
}

/** Some clients send an empty text for a description that they do not have. */
function descriptionOf(description: unknown): string | undefined {
  return description == null || description === "" ? undefined : textOf(description);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
