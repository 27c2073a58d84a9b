// Formats the answer to one question: a table with the probability of each option, and a warning when the options are improbable.
import { CliError } from "../cli-error.ts";
import { bar } from "../terminal/progress.ts";
import { formatFacts, formatTable, numbers, texts } from "../terminal/table.ts";

/** An answer in OpenAI's form, as far as the command reads it. */
export interface Answer {
  /** The probability of yes, without `probabilities`. */
  readonly probability?: number;
  readonly probabilities?: readonly Option[];
  /** The mean of the levels' positions, from 0. */
  readonly score?: number;
  readonly confidence?: number;
  /** The probability that the model gives all options together; Waggle's addition to the API. */
  readonly x_label_mass?: number;
}

interface Option {
  readonly value: string | number | boolean;
  /** Of a level, whose value is its position. */
  readonly label?: string;
  readonly probability: number;
}

/** Below this label mass, the model would mostly answer with something else. */
const lowMass = 0.5;

/** @throws CliError when the worker has sent no answer */
export function decisionText({ probability: yes = Number.NaN, probabilities, score, confidence }: Answer): string {
  const binary = { yes, no: 1 - yes };
  const options = probabilities ?? Object.entries(binary).map(([value, probability]) => ({ value, probability }));
  const highest = Math.max(...options.map(({ probability }) => probability));
  const best = options.findIndex(({ probability }) => probability === highest);
  if (best < 0) throw new CliError("The worker's response has no answer.");
  const rows = options.map(({ value, label = String(value), probability }: Option, i) => {
    return [i === best ? "*" : "", label, percent(probability), bar(probability)];
  });
  const facts = [
    ["score", score === undefined ? undefined : `${score.toFixed(2)} of ${options.length - 1}`],
    ["confidence", confidence === undefined ? undefined : percent(confidence)],
  ] as const;
  return formatTable([...texts("", "option"), ...numbers("probability"), ...texts("")], rows) + formatFacts(facts);
}

/** "" unless the label mass is low. */
export function massWarning({ x_label_mass: mass = 1 }: Answer): string {
  if (mass >= lowMass) return "";
  return `The model gave the options only ${percent(mass)} of its probability: the answer may mean little.\n`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
