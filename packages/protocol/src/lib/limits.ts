// Owns the limits of what a request may bring, whatever its dialect.

/** Limits of the request schema. Those a deployment may want to change are in the worker's configuration instead. */
export const requestLimits = {
  idChars: 128,
  modelChars: 256,
  messages: 2_048,
  stopStrings: 4,
  stopChars: 256,
  maxTokens: 1_048_576,
  grammarChars: 262_144,
  /** Of a JSON schema as text. */
  schemaChars: 1_048_576,
  logitBiasEntries: 1_024,
  drySequenceBreakers: 16,
  deadlineMs: 86_400_000,
  tools: 128,
  toolNameChars: 64,
  /** All tools of a request together, as JSON. */
  toolsChars: 1_048_576,
  /** Of one message. */
  toolCalls: 128,
  calledNameChars: 256,
  /** Of one call. */
  argumentsChars: 1_048_576,
  /** Variables for the chat template, as JSON. */
  templateKwargsChars: 65_536,
  effortChars: 32,
  /** Of one prompt, alternatives counted as well. */
  promptLogprobs: 100_000,
  /** Times over that a text may repeat itself. */
  repetitions: 1_024,
} as const;

/** Of the JSON of a request body, whatever its fields: what is parsed, validated and sent on must be walked in bounded time. */
export const bodyLimits = {
  /** Levels of arrays and objects in each other. */
  depth: 128,
  /** Values in all: arrays, objects and what stands in them. */
  values: 300_000,
  /** Of one object. */
  members: 5_000,
} as const;
