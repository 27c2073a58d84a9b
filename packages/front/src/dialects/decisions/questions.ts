// Owns what a request for decisions becomes: a state and a list of typed questions with options.
import type { DecisionRequest } from "@waggle/protocol";
import type { Parts } from "./state.ts";

export type Settings = Pick<DecisionRequest, "orders" | "temperature" | "scoring">;

export interface Question {
  /** The options of a predicate are yes and no, in this order. */
  readonly type: DecisionRequest["questions"][number]["type"];
  /** The question's field in the request, for errors. */
  readonly field: string;
  readonly instructions: Parts;
  readonly options: readonly Option[];
}

export interface Option {
  readonly text: string;
  readonly description: string | undefined;
  /** As the client sent it. */
  readonly value: string | boolean;
}

export function optionOf(value: string | boolean, description?: string | null): Option {
  // Some clients send an empty text for a description that they do not have.
  return { text: String(value), description: description?.trim() ? description : undefined, value };
}
