// Owns the numeric settings: each setting's hint and range. Sampling fields have those of the protocol's table. The request's schema has the same
// ranges; a test compares both.
import { samplingFields, samplingNames, type SamplingField, type SamplingName } from "@waggle/protocol/sampling";
import { formatCount } from "../../parts/format.ts";

export interface NumberField {
  /** The setting's effect, in a sentence. */
  readonly hint: string;
  /** The value of an empty field. */
  readonly fallback: number | string;
  readonly min: number;
  readonly max: number;
  readonly whole?: true;
  /** A whole number within the range that is invalid. */
  readonly except?: number;
}

/** The fields that do not sample. */
const others = {
  max_tokens: {
    hint: "Ends an answer after this many tokens; four tokens are about three English words.",
    fallback: "to the context's end",
    min: 1,
    max: 1_048_576,
    whole: true,
  },
  repetition_limit: {
    hint: "Ends an answer after this many repetitions of the same text; 0 is off.",
    fallback: "the worker's",
    min: 0,
    max: 1_024,
    whole: true,
    except: 1,
  },
  thinking_budget_tokens: {
    hint: "Most tokens of thinking before the answer begins; -1 is no limit.",
    fallback: -1,
    min: -1,
    max: 1_048_576,
    whole: true,
  },
  priority: {
    hint: "Place in the queue; a higher priority runs sooner.",
    fallback: 0,
    min: -10,
    max: 10,
    whole: true,
  },
  deadline_ms: {
    hint: "Milliseconds after which an answer is cancelled.",
    fallback: "none",
    min: 1,
    max: 86_400_000,
    whole: true,
  },
} as const satisfies Readonly<Record<string, NumberField>>;

/** A numeric parameter of a request. */
export type NumberName = SamplingName | keyof typeof others;

const sampling = Object.fromEntries(samplingNames.map((name) => [name, numberFieldOf(samplingFields[name])])) as {
  readonly [N in SamplingName]: NumberField;
};

export const numberFields: Readonly<Record<NumberName, NumberField>> = { ...sampling, ...others };
export const numberNames = Object.keys(numberFields) as readonly NumberName[];

export const textLimits = { stopStrings: 4, stopChars: 256, effortChars: 32, schemaChars: 1_048_576 } as const;

export interface FieldGroup {
  /** Undefined for the group that is always open. */
  readonly title?: string;
  readonly names: readonly NumberName[];
}

/** The groups in the order of the dialog. The thinking budget is in no group, because the dialog shows it with the reasoning switches. */
export const fieldGroups: readonly FieldGroup[] = [
  { names: [...inGroup("choice"), "max_tokens"] },
  { title: "Penalties against repetition", names: [...inGroup("penalties"), "repetition_limit"] },
  { title: "DRY and XTC", names: inGroup("DRY and XTC") },
  { title: "Queue and time", names: ["priority", "deadline_ms"] },
];

function numberFieldOf({ values, page }: SamplingField): NumberField {
  const { default: fallback, ...range } = values;
  return { ...range, hint: page.hint, fallback };
}

function inGroup(group: SamplingField["page"]["group"]): readonly SamplingName[] {
  return samplingNames.filter((name) => samplingFields[name].page.group === group);
}

/** The valid values: "A number from 0 to 2.", "A whole number from 0 to 1,024, but not 1." */
export function rangeWords({ min, max, whole: isWhole, except }: NumberField): string {
  const range = `from ${formatCount(min)} to ${formatCount(max)}`;
  const but = except === undefined ? "" : `, but not ${except}`;
  return isWhole === true ? `A whole number ${range}${but}.` : `A number ${range}${but}.`;
}
