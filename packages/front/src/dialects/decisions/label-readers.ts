// Owns models that were trained for decisions and answer with a label: the variables of their template `systemone`, and their labels. Facts after
// llama.cpp's tools/server/server-decision.cpp.
import type { DecisionFormat, DecisionReader } from "@waggle/chat-format/format";
import { WaggleError, refuseField } from "@waggle/protocol";
import { yesAndNo } from "./labels.ts";
import type { Answers } from "./labels.ts";
import { expectation } from "./probabilities.ts";
import type { DecisionRequest, Question, Settings } from "./questions.ts";
import { inOrder, labelsIn, ordersOf } from "./readings.ts";
import type { Plan, PlannedReading } from "./readings.ts";
import type { Rendered } from "./state.ts";

const capitals = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const letters = [...capitals, ..."abcdefghijklmnopqrstuvwxyz"];
const numbers = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, "0"));
/** The answers of lev to a noul question: from certainly not to certainly. */
const ratings = capitals.slice(0, 9);

interface ReaderFacts {
  /** Whether the options of a noul question are listed as true and false, or as false and true. */
  readonly trueFirst: boolean;
  /** Whether the template reads the label of an option. */
  readonly showsLabels: boolean;
  /** Labels of options that are listed in this order, or as many labels as there are. */
  readonly answers: (question: Question, order: readonly number[]) => readonly Answers[];
}

const lettered: ReaderFacts = { trueFirst: false, showsLabels: true, answers: from(capitals) };

const facts: Readonly<Record<DecisionReader, ReaderFacts>> = {
  lev: lettered,
  nimble: lettered,
  "pplx-decider": lettered,
  openjev: { trueFirst: true, showsLabels: false, answers: from(letters) },
  "lfm2-d1": { trueFirst: true, showsLabels: true, answers: answersOfLfm2 },
};

/** The variables that all prompts of a request have. @throws WaggleError invalid_argument for what these models cannot do */
export function sharedVariables(reader: DecisionReader, request: DecisionRequest): Readonly<Record<string, unknown>> {
  const { state, questions, scoring, templateKwargs } = request;
  if (scoring === "text") throw refuseField("scoring", "this model was trained to answer with labels");
  if (templateKwargs != null) throw refuseField("chat_template_kwargs", "this model has a template for decisions only");
  const hasPicture = (rendered: Rendered | undefined): boolean =>
    rendered?.parts.some(({ type }) => type === "image_url") === true;
  if (hasPicture(state) || questions.some(({ instructions }) => hasPicture(instructions))) {
    throw new WaggleError("invalid_argument", "Cannot read pictures: this model was trained for decisions about text.");
  }
  return inForm(reader, {
    state: state.value ?? null,
    images: [],
    // nimble was trained on prompts that list all questions.
    ...(reader === "nimble" ? { questions: questions.map((question) => variablesOf(reader, question)) } : {}),
  });
}

/** @throws WaggleError invalid_argument for too many options */
export function planOfReader(
  { reader, temperatures }: DecisionFormat,
  question: Question,
  { orders, temperature }: Settings,
): Plan {
  const { type, options } = question;
  const isRated = reader === "lev" && type === "noul";
  // lev was trained so that the average of both orders is right. Other types have a fixed order.
  const listings =
    type === "choice" ? ordersOf(options.length, reader === "lev" ? 2 : orders) : [orderOf(reader, question)];
  const readings = listings.map((order): PlannedReading => {
    const variables = variablesOf(reader, question, order);
    return {
      content: [],
      variables: inForm(reader, variables),
      options: isRated ? ratings.map((label) => [label]) : answersIn(reader, question, order),
      ends: false,
      toOptions: isRated ? ofRatings : inOrder(order),
    };
  });
  const fitted = temperatures[`${type}.${bucketOf(reader, options.length)}`] ?? temperatures[type] ?? 1;
  return { type, readings, labels: labelsIn(readings), temperature: temperature ?? fitted };
}

function orderOf(reader: DecisionReader, { type, options }: Question): readonly number[] {
  const [order = []] = ordersOf(options.length, 1);
  return type === "noul" && !facts[reader].trueFirst ? order.toReversed() : order;
}

function variablesOf(
  reader: DecisionReader,
  question: Question,
  order = orderOf(reader, question),
): Readonly<Record<string, unknown>> {
  const { id, type, instructions, options } = question;
  const labels = labelsIn([{ options: answersIn(reader, question, order) }]);
  const listed = order.map((index, at) => {
    const { key = "", value } = options[index] ?? {};
    const label = reader === "lfm2-d1" && type !== "choice" ? key : labels[at];
    return { key, description: value, ...(facts[reader].showsLabels ? { label } : {}) };
  });
  return { id, type, instructions: instructions?.value ?? "", options: listed };
}

function answersIn(reader: DecisionReader, question: Question, order: readonly number[]): readonly Answers[] {
  const answers = facts[reader].answers(question, order);
  if (answers.length < order.length) {
    throw refuseField(question.field, `it has ${order.length} options; this model has labels for ${answers.length}`);
  }
  return answers;
}

/** The labels that there are, at most one for each option. */
function from(labels: readonly string[]): ReaderFacts["answers"] {
  return (_, order) => labels.slice(0, order.length).map((label) => [label]);
}

function answersOfLfm2(question: Question, order: readonly number[]): readonly Answers[] {
  if (question.type === "noul") return order.flatMap((index) => [yesAndNo[index] ?? []]);
  if (question.type === "score") return from([..."0123456789"])(question, order);
  const keys = order.map((index) => question.options[index]?.key ?? "");
  const areLetters = keys.every((key) => /^[A-Za-z]$/.test(key));
  const labels = areLetters ? keys : order.length <= capitals.length ? capitals : numbers;
  return labels.slice(0, order.length).map((label) => [label, ` ${label}`]);
}

/** The probabilities of yes and no. */
function ofRatings(probabilities: readonly number[]): readonly number[] {
  const yes = expectation(probabilities) / (ratings.length - 1);
  return [yes, 1 - yes];
}

/** The numbers of options for which a model's file has separate temperatures. */
function bucketOf(reader: DecisionReader, count: number): string {
  if (reader === "lev") return count <= 8 ? "small" : count <= 26 ? "mid" : "large";
  return count <= 2 ? "2" : count <= 5 ? "3_5" : count <= 10 ? "6_10" : "11";
}

/** lev was trained with sorted keys. */
function inForm<T>(reader: DecisionReader, value: T): T {
  return reader === "lev" ? (sorted(value) as T) : value;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, member]) => [key, sorted(member)]));
}
