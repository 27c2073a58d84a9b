// Owns the numeric sampling fields of a request: range, default and words of each, and the dialects that accept it. Schemas, dialects, samplers,
// the chat page and the API's documents derive from this table. Without zod, because the pages load it.

export type Dialect = "openai" | "anthropic" | "responses" | "ollama" | "llama-server";

export interface SamplingField {
  readonly values: SamplingValues;
  /** Description in the API's documents. */
  readonly describe?: string;
  /** Dialects that accept the field, under the same name. */
  readonly dialects: { readonly [D in Dialect]?: InDialect };
  /** The field of the chat's settings. Parameters without one are typed as JSON. */
  readonly page?: { readonly label: string; readonly hint: string };
}

/** The values on native routes. */
export interface SamplingValues {
  /** Least valid value. */
  readonly min: number;
  /** Greatest valid value. */
  readonly max: number;
  readonly whole?: true;
  /** Value of an absent field. */
  readonly default: number;
  /** Value without effect. Absent for fields that only shape the effect of another field. */
  readonly off?: number;
}

/** What differs from native routes. */
export interface InDialect {
  readonly min?: number;
  /** Any integer is valid. */
  readonly wide?: true;
  readonly default?: number;
  readonly describe?: string;
}

export const samplingFields = {
  temperature: {
    values: { min: 0, max: 2, default: 0.8, off: 1 },
    describe: "0 always picks the most probable token.",
    dialects: {
      openai: { default: 1 },
      anthropic: { default: 1 },
      responses: { default: 1 },
      ollama: { default: 0.8, describe: "Default: 0.8." },
      "llama-server": {},
    },
    page: { label: "Temperature", hint: "How random the words are; 0 always takes the likeliest." },
  },
  top_k: {
    values: { min: 0, max: 1_000_000, whole: true, default: 40, off: 0 },
    describe: "Number of most probable tokens to sample from. 0: off.",
    dialects: {
      openai: {},
      anthropic: {},
      ollama: { default: 40, describe: "Default: 40." },
      "llama-server": { min: -1, describe: "Number of most probable tokens to sample from. -1 and 0: off." },
    },
    page: { label: "Top-k", hint: "Chooses among this many of the likeliest words; 0 keeps all." },
  },
  top_p: {
    values: { min: 0, max: 1, default: 0.95, off: 1 },
    describe: "Sample from the most probable tokens that together reach this probability. 1: off.",
    dialects: {
      openai: { default: 1 },
      anthropic: { default: 1 },
      responses: { default: 1 },
      ollama: { default: 0.9, describe: "Default: 0.9." },
      "llama-server": {},
    },
    page: { label: "Top-p", hint: "Keeps the likeliest words up to this probability; 1 keeps all." },
  },
  min_p: {
    values: { min: 0, max: 1, default: 0.05, off: 0 },
    describe: "Minimum probability, relative to the most probable token. 0: off.",
    dialects: { openai: {}, ollama: { default: 0, describe: "Default: 0." }, "llama-server": {} },
    page: { label: "Min-p", hint: "Drops words below this share of the likeliest; 0 drops none." },
  },
  repeat_penalty: {
    values: { min: 0.01, max: 10, default: 1, off: 1 },
    describe: "Penalty for repeated tokens. 1: off.",
    dialects: { openai: {}, ollama: { default: 1, describe: "Default: 1." }, "llama-server": {} },
  },
  repeat_last_n: {
    values: { min: 0, max: 65_536, whole: true, default: 64 },
    describe: "Number of last tokens that the repeat, presence and frequency penalties cover.",
    dialects: {
      ollama: {
        min: -1,
        default: 64,
        describe: "Number of last tokens that penalties cover. Default: 64. -1: the whole context.",
      },
      "llama-server": { min: -1, describe: "Number of last tokens that penalties cover. -1: the whole context." },
    },
  },
  presence_penalty: {
    values: { min: -2, max: 2, default: 0, off: 0 },
    dialects: { openai: {}, responses: {}, ollama: {}, "llama-server": {} },
  },
  frequency_penalty: {
    values: { min: -2, max: 2, default: 0, off: 0 },
    dialects: { openai: {}, responses: {}, ollama: {}, "llama-server": {} },
  },
  dry_multiplier: {
    values: { min: 0, max: 100, default: 0, off: 0 },
    describe: "Strength of the DRY penalty for repeated sequences. 0: off.",
    dialects: { "llama-server": {} },
  },
  dry_base: {
    values: { min: 1, max: 100, default: 1.75 },
    dialects: { "llama-server": {} },
  },
  dry_allowed_length: {
    values: { min: 0, max: 65_536, whole: true, default: 2 },
    dialects: { "llama-server": {} },
  },
  dry_penalty_last_n: {
    values: { min: -1, max: 65_536, whole: true, default: -1 },
    describe: "Number of last tokens that the DRY penalty covers. -1: the whole context.",
    dialects: { "llama-server": {} },
  },
  xtc_probability: {
    values: { min: 0, max: 1, default: 0, off: 0 },
    describe: "Probability with which XTC removes the most probable tokens. 0: off.",
    dialects: { "llama-server": {} },
  },
  xtc_threshold: {
    values: { min: 0, max: 1, default: 0.1 },
    dialects: { "llama-server": {} },
  },
  seed: {
    values: { min: -1, max: 4_294_967_295, whole: true, default: -1 },
    describe: "Seed of the random numbers. -1 draws a random seed.",
    dialects: {
      openai: { wide: true },
      ollama: { wide: true },
      "llama-server": { wide: true, describe: "Seed of the random numbers. -1 draws a random seed." },
    },
    page: { label: "Seed", hint: "The same seed repeats an answer; -1 draws a random one." },
  },
} as const satisfies Readonly<Record<string, SamplingField>>;

export type SamplingFields = typeof samplingFields;
/** A numeric sampling field. */
export type SamplingName = keyof SamplingFields;
export const samplingNames = Object.keys(samplingFields) as readonly SamplingName[];

/** llama-server's samplers in the order in which they run, with their letters in the field `samplers`, and the fields whose effects they have. */
export const samplers = [
  { name: "penalties", letter: "e", fields: ["repeat_penalty", "presence_penalty", "frequency_penalty"] },
  { name: "dry", letter: "d", fields: ["dry_multiplier"] },
  { name: "top_k", letter: "k", fields: ["top_k"] },
  { name: "top_p", letter: "p", fields: ["top_p"] },
  { name: "min_p", letter: "m", fields: ["min_p"] },
  { name: "xtc", letter: "x", fields: ["xtc_probability"] },
  { name: "infill", letter: "i", fields: [] },
  { name: "temperature", letter: "t", fields: ["temperature"] },
] as const satisfies readonly {
  readonly name: string;
  readonly letter: string;
  readonly fields: readonly SwitchName[];
}[];

/** A field with a value without effect. */
export type SwitchName = {
  [N in SamplingName]: SamplingFields[N]["values"] extends { readonly off: number } ? N : never;
}[SamplingName];
