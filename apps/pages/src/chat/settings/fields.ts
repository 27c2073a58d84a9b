// Owns the settings' fields: the words of each, and the ranges of numbers. Numbers without a field in the dialog are typed as JSON.
// Sampling fields have the ranges of the protocol's table. The request's schema has the same ranges; a test compares both.
import { samplingFields, samplingNames, type SamplingField, type SamplingName } from "@waggle/protocol/sampling";
import { formatCount } from "../../parts/format.ts";
import { settingLabels } from "../../wire/setting-labels.ts";
import { toolsExample } from "../tool-calls/tool-list.ts";

export interface NumberField {
  /** The setting's effect, in a sentence. Absent for a parameter without a field in the dialog. */
  readonly hint?: string | undefined;
  /** The value of an empty field. */
  readonly fallback: number | string;
  readonly min: number;
  readonly max: number;
  readonly whole?: true;
  /** A whole number within the range that is invalid. */
  readonly except?: number;
}

/** The parameters that do not sample. */
const others = {
  max_tokens: {
    hint: "Ends an answer after this many tokens, each about ¾ of a word.",
    fallback: "to the context's end",
    min: 1,
    max: 1_048_576,
    whole: true,
  },
  repetition_limit: { fallback: "the worker's", min: 0, max: 1_024, whole: true, except: 1 },
  thinking_budget_tokens: {
    hint: "Most tokens of thinking before the answer begins; -1 is no limit.",
    fallback: -1,
    min: -1,
    max: 1_048_576,
    whole: true,
  },
  priority: { fallback: 0, min: -10, max: 10, whole: true },
  deadline_ms: { fallback: "none", min: 1, max: 86_400_000, whole: true },
} as const satisfies Readonly<Record<string, NumberField>>;

/** A numeric parameter of a request. */
export type NumberName = SamplingName | keyof typeof others;

const sampling = Object.fromEntries(samplingNames.map((name) => [name, numberFieldOf(samplingFields[name])])) as {
  readonly [N in SamplingName]: NumberField;
};

export const numberFields: Readonly<Record<NumberName, NumberField>> = { ...sampling, ...others };
export const numberNames = Object.keys(numberFields) as readonly NumberName[];

/** Parameters with a field in the dialog, in the dialog's order. */
export const fieldNames = numberNames.filter((name) => numberFields[name].hint !== undefined);
export const otherNames = numberNames.filter((name) => numberFields[name].hint === undefined);

export type TextName = "system" | "stop" | "jsonSchema" | "tools" | "enabled" | "effort" | "others";
export type FieldName = NumberName | TextName;

/** A field as the dialog shows it. */
export interface SettingField {
  readonly label: string;
  /** The setting's effect, in a sentence. */
  readonly hint: string;
  readonly placeholder?: string;
  /** Lines of a box; absent for a field of one line. */
  readonly rows?: number;
  /** Whether the text is for people, not code. */
  readonly prose?: true;
  /** Values and their words. */
  readonly options?: readonly (readonly [value: string, words: string])[];
}

const texts: Readonly<Record<TextName, SettingField>> = {
  system: {
    label: "System prompt",
    hint: "Instructions for the model. An empty field has the server's default, shown in gray.",
    placeholder: "None",
    rows: 3,
    prose: true,
  },
  enabled: {
    label: settingLabels.enable_thinking,
    hint: "Whether the model thinks before it answers: slower, but better at hard questions.",
    options: [
      ["", "The model's default"],
      ["on", "On"],
      ["off", "Off"],
    ],
  },
  effort: {
    label: settingLabels.reasoning_effort,
    hint: "How much the model thinks; most models know low, medium and high.",
    placeholder: "the model's default",
  },
  stop: {
    label: settingLabels.stop,
    hint: String.raw`Up to four, one on each line: the answer ends before any of them. \n is a line break.`,
    placeholder: "None",
    rows: 3,
  },
  jsonSchema: {
    label: settingLabels.json_schema,
    hint: "The answer is JSON that fits this schema.",
    placeholder: '{"type": "object", "properties": {…}}',
    rows: 5,
  },
  tools: {
    label: settingLabels.tools,
    hint: "Functions that the model may call, as a JSON list in OpenAI's format. The chat shows each call, and you type in its result.",
    placeholder: toolsExample,
    rows: 8,
  },
  others: {
    label: "Parameters as JSON",
    hint: `Fields of a request: ${otherNames.join(", ")}.`,
    placeholder: '{"repeat_penalty": 1.1}',
    rows: 3,
  },
};

const numbers = Object.fromEntries(
  numberNames.map((name) => {
    const { hint = "", fallback } = numberFields[name];
    return [name, { label: settingLabels[name], hint, placeholder: String(fallback) }];
  }),
) as Readonly<Record<NumberName, SettingField>>;

export const settingFields: Readonly<Record<FieldName, SettingField>> = { ...numbers, ...texts };

export const textLimits = { stopStrings: 4, stopChars: 256, effortChars: 32 } as const;

function numberFieldOf({ values, page }: SamplingField): NumberField {
  const { default: fallback, ...range } = values;
  return { ...range, hint: page?.hint, fallback };
}

/** The valid values: "A number from 0 to 2.", "A whole number from 0 to 1,024, but not 1." */
export function rangeWords({ min, max, whole: isWhole, except }: NumberField): string {
  const range = `from ${formatCount(min)} to ${formatCount(max)}`;
  const but = except === undefined ? "" : `, but not ${except}`;
  return isWhole === true ? `A whole number ${range}${but}.` : `A number ${range}${but}.`;
}

export function isInRange(value: number, { min, max, whole, except }: NumberField): boolean {
  return value >= min && value <= max && (whole !== true || Number.isInteger(value)) && value !== except;
}
