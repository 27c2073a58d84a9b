// Owns the limits on requests that all dialects share.

/** Fixed limits of the request schemas. Limits that an operator may want to change are settings of the worker instead. */
export const requestLimits = {
  idChars: 128,
  modelChars: 256,
  messages: 2_048,
  stopStrings: 4,
  stopChars: 256,
  maxTokens: 1_048_576,
  grammarChars: 262_144,
  /** Characters of a JSON schema as text. */
  schemaChars: 1_048_576,
  logitBiasEntries: 1_024,
  drySequenceBreakers: 16,
  deadlineMs: 86_400_000,
  tools: 128,
  toolNameChars: 128,
  /** Characters of all tools of a request together, as JSON. */
  toolsChars: 1_048_576,
  /** Tool calls in one message. */
  toolCalls: 128,
  calledNameChars: 256,
  /** Characters of the arguments of one call. */
  argumentsChars: 1_048_576,
  /** Characters of the chat template's variables, as JSON. */
  templateKwargsChars: 65_536,
  effortChars: 32,
  /** Logprobs of one prompt, alternatives included. */
  promptLogprobs: 100_000,
  /** Tokens that a decide job computes, each counted once. */
  decisionTokens: 131_072,
  /** Tokens of the answers of a decide job, each counted once for each different beginning. */
  decisionNodes: 65_536,
  /** Branches of the tries of a decide job's answers. Each is a step of a slot, with few tokens. */
  decisionBranches: 8_192,
  /** Maximum of `repetition_limit`. */
  repetitions: 1_024,
  /** Questions of a request for decisions. */
  decisionQuestions: 400,
  /** Options of one question. */
  decisionOptions: 255,
} as const;

/** Limits on the JSON of any request body, so that parsing, validating and forwarding the body take bounded time. */
export const bodyLimits = {
  /** Levels of nested arrays and objects. */
  depth: 128,
  /** All values together: arrays, objects and their elements. */
  values: 300_000,
  /** Members of one object. */
  members: 5_000,
} as const;
