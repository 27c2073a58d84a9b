// Makes readings of questions: which prompts the engine scores, and how the results become the probabilities of the options.
import type { Reading } from "@waggle/engine";
import { answersOf, inOrder } from "./labels.ts";
import { questionPrompt } from "./prompt.ts";
import { bestOf, choiceConfidence, expectation, massOf, meanOf, scoreConfidence, softmax } from "./probabilities.ts";
import type { Question, Settings } from "./questions.ts";
import type { Parts } from "./state.ts";

/** A reading, whose content still has the sources of its pictures. */
export interface PlannedReading extends Omit<Reading, "content"> {
  readonly content: Parts;
  /** Turns the probabilities of the reading's answers into those of the question's options. */
  readonly toOptions: (probabilities: readonly number[]) => readonly number[];
}

/** All readings of a question. */
export interface Plan {
  readonly question: Question;
  readonly readings: readonly PlannedReading[];
  readonly temperature: number;
}

/** The answer to a question. */
export interface Decided {
  readonly question: Question;
  /** The probability of the option with this index. */
  readonly of: (option: number) => number;
  /** The probability of all options together, without a temperature. */
  readonly mass: number;
  /** Value of the most probable option. */
  readonly choice: string | boolean;
  readonly score: number;
  readonly confidence: number;
}

/** The orders in which options are listed, as lists of their indexes. Each is its inverse too. */
function ordersOf(count: number, orders: Settings["orders"]): readonly (readonly number[])[] {
  const forwards = Array.from({ length: count }, (_, index) => index);
  return orders !== 2 || count < 2 ? [forwards] : [forwards, forwards.toReversed()];
}

/** @throws WaggleError invalid_argument */
export function planOf(question: Question, { orders, temperature, scoring }: Settings): Plan {
  const readings = ordersOf(question.options.length, orders).map((order): PlannedReading => {
    const answers = answersOf(question, order, scoring);
    return {
      content: questionPrompt(question, order, answers, scoring),
      options: answers,
      ends: scoring === "text",
      toOptions: (probabilities) => inOrder(probabilities, order),
    };
  });
  return { question, readings, temperature: temperature ?? 1 };
}

/** The label of each answer of the first reading. */
export function labelsOf({ readings: [first] }: Pick<Plan, "readings">): string[] {
  return (first?.options ?? []).map(([label = ""]) => label);
}

/** @param vectors logprobs of the answers of all readings, in order @throws Error if there are fewer vectors than readings */
export function decidedOf(plans: readonly Plan[], vectors: readonly (readonly number[])[]): readonly Decided[] {
  let next = 0;
  return plans.map(({ question, readings, temperature }) => {
    const own = vectors.slice(next, (next += readings.length));
    if (own.length < readings.length) throw new Error(`A reading has no result: there are ${vectors.length} results`);
    const probabilities = meanOf(readings.map(({ toOptions }, at) => toOptions(softmax(own[at] ?? [], temperature))));
    const [mass = 0] = meanOf(own.map((logprobs) => [massOf(logprobs)]));
    return {
      question,
      of: (option) => probabilities[option] ?? 0,
      mass,
      choice: question.options[bestOf(probabilities)]?.value ?? "",
      score: expectation(probabilities),
      confidence: (question.type === "score" ? scoreConfidence : choiceConfidence)(probabilities),
    };
  });
}
