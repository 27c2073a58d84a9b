// Owns the numeric settings: each setting's hint and range. The request's schema has the same ranges; a test compares both.
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

const share = { min: 0, max: 1 } as const;

const fields = {
  temperature: {
    hint: "How random the choice of words is: 0 always takes the likeliest one.",
    fallback: 0.8,
    min: 0,
    max: 2,
  },
  top_p: {
    hint: "Chooses among the likeliest words that add up to this probability; 1 keeps all.",
    fallback: 0.95,
    ...share,
  },
  top_k: {
    hint: "Chooses among this many of the likeliest words; 0 keeps all.",
    fallback: 40,
    min: 0,
    max: 1_000_000,
    whole: true,
  },
  min_p: { hint: "Drops words less likely than this share of the likeliest; 0 drops none.", fallback: 0.05, ...share },
  max_tokens: {
    hint: "Ends an answer after this many tokens; four tokens are about three English words.",
    fallback: "to the context's end",
    min: 1,
    max: 1_048_576,
    whole: true,
  },
  seed: {
    hint: "The same seed gives the same answer to the same messages; -1 is a random seed.",
    fallback: -1,
    min: -1,
    max: 4_294_967_295,
    whole: true,
  },
  repeat_penalty: {
    hint: "Makes recently used words less likely; 1 is off.",
    fallback: 1,
    min: 0.01,
    max: 10,
  },
  repeat_last_n: {
    hint: "How many recent tokens the three penalties count.",
    fallback: 64,
    min: 0,
    max: 65_536,
    whole: true,
  },
  presence_penalty: {
    hint: "Makes used words less likely; below 0 more likely.",
    fallback: 0,
    min: -2,
    max: 2,
  },
  frequency_penalty: {
    hint: "Makes words less likely the more often they were used; below 0 more likely.",
    fallback: 0,
    min: -2,
    max: 2,
  },
  repetition_limit: {
    hint: "Ends an answer after this many repetitions of the same text; 0 is off.",
    fallback: "the worker's",
    min: 0,
    max: 1_024,
    whole: true,
    except: 1,
  },
  dry_multiplier: {
    hint: "How strongly DRY suppresses repeated phrases; 0 is off.",
    fallback: 0,
    min: 0,
    max: 100,
  },
  dry_base: {
    hint: "How much stronger DRY becomes with each repeated token.",
    fallback: 1.75,
    min: 1,
    max: 100,
  },
  dry_allowed_length: {
    hint: "Phrases up to this many tokens may repeat.",
    fallback: 2,
    min: 0,
    max: 65_536,
    whole: true,
  },
  dry_penalty_last_n: {
    hint: "How many recent tokens DRY counts; -1 is the whole context.",
    fallback: -1,
    min: -1,
    max: 65_536,
    whole: true,
  },
  xtc_probability: { hint: "How often XTC drops the likeliest words; 0 is off.", fallback: 0, ...share },
  xtc_threshold: {
    hint: "XTC drops all words more likely than this, except the least likely of them.",
    fallback: 0.1,
    ...share,
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
export type NumberName = keyof typeof fields;
export const numberFields: Readonly<Record<NumberName, NumberField>> = fields;
export const numberNames = Object.keys(fields) as readonly NumberName[];

export const textLimits = { stopStrings: 4, stopChars: 256, effortChars: 32, schemaChars: 1_048_576 } as const;

export interface FieldGroup {
  /** Undefined for the group that is always open. */
  readonly title?: string;
  readonly names: readonly NumberName[];
}

/** The groups in the order of the dialog. The thinking budget is in no group, because the dialog shows it with the reasoning switches. */
export const fieldGroups: readonly FieldGroup[] = [
  { names: ["temperature", "max_tokens", "top_p", "top_k", "min_p", "seed"] },
  {
    title: "Penalties against repetition",
    names: ["repeat_penalty", "repeat_last_n", "presence_penalty", "frequency_penalty", "repetition_limit"],
  },
  {
    title: "DRY and XTC",
    names: [
      "dry_multiplier",
      "dry_base",
      "dry_allowed_length",
      "dry_penalty_last_n",
      "xtc_probability",
      "xtc_threshold",
    ],
  },
  { title: "Queue and time", names: ["priority", "deadline_ms"] },
];

/** The valid values: "A number from 0 to 2.", "A whole number from 0 to 1,024, but not 1." */
export function rangeWords({ min, max, whole: isWhole, except }: NumberField): string {
  const range = `from ${formatCount(min)} to ${formatCount(max)}`;
  const but = except === undefined ? "" : `, but not ${except}`;
  return isWhole === true ? `A whole number ${range}${but}.` : `A number ${range}${but}.`;
}
