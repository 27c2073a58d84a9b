// Owns models that were trained for decisions and answer with a label: the variables of their template `systemone`, and their labels. Facts after
// llama.cpp's tools/server/server-decision.cpp.
import type { DecisionFormat, DecisionReader } from "@waggle/chat-format/format";
import { WaggleError, refuseField } from "@waggle/protocol";
import { capitals, codesOf, inOrder, yesAndNo } from "./labels.ts";
import type { Answers } from "./labels.ts";
import { expectation } from "./probabilities.ts";
import type { DecisionRequest, Question, Settings } from "./questions.ts";
import { ordersOf } from "./readings.ts";
import type { Plan, PlannedReading } from "./readings.ts";
import { sourcesIn } from "./state.ts";

type Variables = Readonly<Record<string, unknown>>;

const letters = [...capitals, ...capitals.map((letter) => letter.toLowerCase())];
const digits = [..."0123456789"];
/** The answers of lev to a noul question: from certainly not to certainly. */
const ratings = capitals.slice(0, 9);

/** The variables that all prompts of a request have. @throws WaggleError invalid_argument for what these models cannot do */
export function sharedVariables(reader: DecisionReader, request: DecisionRequest): Variables {
  const { state, questions, scoring, chat_template_kwargs: kwargs } = request;
  if (scoring === "text") throw refuseField("scoring", "this model was trained to answer with labels");
  if (kwargs != null) throw refuseField("chat_template_kwargs", "this model has a template for decisions only");
  const shown = [state, ...questions.flatMap(({ instructions = [] }) => instructions)];
  if (shown.some(({ parts }) => sourcesIn(parts).length > 0))
    throw new WaggleError("invalid_argument", "Cannot read pictures: this model was trained for decisions about text.");
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
  const readings = listings.map((order): PlannedReading => ({
    content: [],
    variables: inForm(reader, variablesOf(reader, question, order)),
    options: isRated ? ratings.map((label) => [label]) : answersIn(reader, question, order),
    ends: false,
    toOptions: isRated ? ofRatings : (probabilities) => inOrder(probabilities, order),
  }));
  const fitted = temperatures[`${type}.${bucketOf(reader, options.length)}`] ?? temperatures[type] ?? 1;
  return { question, readings, temperature: temperature ?? fitted };
}

/** The order of options in which the model was trained. */
function orderOf(reader: DecisionReader, { type, options }: Question): readonly number[] {
  const order = options.map((_, index) => index);
  const isReversed = type === "noul" && reader !== "openjev" && reader !== "lfm2-d1";
  return isReversed ? order.toReversed() : order;
}

function variablesOf(reader: DecisionReader, question: Question, order = orderOf(reader, question)): Variables {
  const { id, type, instructions, options } = question;
  const answers = answersIn(reader, question, order);
  const listed = inOrder(options, order).map(({ key: name, value: description }, at) => {
    const key = type === "noul" ? String(name === "yes") : String(name);
    const label = reader === "lfm2-d1" && type !== "choice" ? key : answers[at]?.[0];
    return { key, description, ...(reader === "openjev" ? {} : { label }) };
  });
  return { id, type, instructions: instructions?.value ?? "", options: listed };
}

function answersIn(reader: DecisionReader, question: Question, order: readonly number[]): readonly Answers[] {
  const most = reader === "openjev" ? letters : capitals;
  const answers = reader === "lfm2-d1" ? answersOfLfm2(question, order) : most.map((label) => [label]);
  if (answers.length < order.length) {
    throw refuseField(question.field, `it has ${order.length} options; this model has labels for ${answers.length}`);
  }
  return answers.slice(0, order.length);
}

function answersOfLfm2({ type, options }: Question, order: readonly number[]): readonly Answers[] {
  if (type === "noul") return inOrder(yesAndNo, order);
  if (type === "score") return digits.map((label) => [label]);
  const keys = inOrder(options, order).map(({ key }) => String(key));
  const areLetters = keys.every((key) => /^[A-Za-z]$/.test(key));
  const labels = areLetters ? keys : order.length <= capitals.length ? capitals : codesOf(digits, 100);
  return labels.map((label) => [label, ` ${label}`]);
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
function inForm(reader: DecisionReader, variables: Variables): Variables {
  if (reader !== "lev") return variables;
  const sorted = (_: string, member: unknown): unknown =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member;
  return JSON.parse(JSON.stringify(variables, sorted)) as Variables;
}
