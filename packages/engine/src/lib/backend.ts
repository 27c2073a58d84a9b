// Owns the Backend port: what the step loop needs from whatever computes. It knows slots and tokens, never jobs, HTTP or time.
import type { AnswerStart, ChatFormat } from "@waggle/chat-format";
import type { LoadedSettings, ModelKind, Sampling } from "@waggle/protocol";

export type Token = number;

export interface BackendInfo {
  readonly backend: "llama" | "fake";
  /** What the model is for. Only one that generates is ever asked for a step. */
  readonly kind: ModelKind;
  /** Numbers of a vector; absent where the model has none to give. */
  readonly embeddingSize?: number | undefined;
  /** The model's own name: the GGUF's `general.name`, else its file name. */
  readonly modelName: string;
  /** Tokens per slot, as enforced; the KV cache behind it may be padded. */
  readonly contextSize: number;
  readonly trainedContextSize: number;
  readonly slots: number;
  /** Most tokens that one step may carry, over all its entries. */
  readonly batchSize: number;
  readonly parameters: number;
  readonly modelBytes: number;
  /** The absolute path of its file, of a split one of the first part; not to be told to any client. Absent where there is none. */
  readonly modelPath?: string;
  /** SHA-256 of the chat template's text, hexadecimal; of a model with one more for tools, of both texts one after the other. */
  readonly templateSha256?: string;
  /** What the model's file says of it; absent where there is none. */
  readonly file?: ModelFile;
  readonly device: string;
  readonly threads: number;
  /** Most threads that `setThreads` takes. */
  readonly maxThreads: number;
  readonly build: string;
  /** Absent where nothing is loaded. */
  readonly settings?: LoadedSettings | undefined;
  /** How the model's chat template has answers written; its markers that are tokens stand in it as marks. */
  readonly chatFormat: ChatFormat;
  /** The model was trained to fill in: it takes prompts of this kind. */
  readonly infill: boolean;
  readonly promptTexts: PromptTexts;
}

/** What prompts are made of. */
export interface PromptTexts {
  /** The source of the chat template in use; where there are several, of the one for conversations without tools. */
  readonly chatTemplate: string;
  /** "" where the model has none. */
  readonly bos: string;
  readonly eos: string;
}

export interface ModelFile {
  /** `llama`, `qwen3`, … */
  readonly architecture: string;
  /** `Q4_K_M`, say; undefined where the file does not tell. */
  readonly quantization: string | undefined;
  /** What its maker writes of it; undefined where the file does not tell. */
  readonly description: string | undefined;
  /** ISO 8601. */
  readonly modifiedAt: string;
}

/** A message as chat templates take it, with the field names that they know. */
export interface TemplateMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  /** Text, or several texts, which some templates take apart. */
  readonly content: string | readonly { readonly type: "text"; readonly text: string }[];
  /** What the assistant thought before it spoke; templates of models that think ask for it. */
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly TemplateToolCall[];
  readonly tool_call_id?: string;
}

export interface TemplateToolCall {
  readonly id: string;
  readonly type: "function";
  /** Arguments parsed: templates print them as they like. */
  readonly function: { readonly name: string; readonly arguments: unknown };
}

/** A tool on offer, in OpenAI's shape: that is what templates expect. */
export interface TemplateTool {
  readonly type: "function";
  readonly function: { readonly name: string; readonly description?: string; readonly parameters?: unknown };
}

/** Part of a prompt: text, in which control tokens are read as such, or tokens as they are. */
export type PromptPiece = string | readonly Token[];

/** Code with a hole, as models that were trained to fill one take it. */
export interface InfillPrompt {
  readonly prefix: string;
  readonly suffix: string;
  /** Other files of the same repository, the most relevant last. */
  readonly extra: readonly { readonly filename: string; readonly text: string }[];
  /** What the hole's text begins with. */
  readonly prompt: string;
}

export type PromptInput =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "pieces"; readonly pieces: readonly PromptPiece[] }
  | { readonly kind: "infill"; readonly infill: InfillPrompt }
  | {
      readonly kind: "messages";
      readonly messages: readonly TemplateMessage[];
      readonly tools?: readonly TemplateTool[];
      readonly template?: TemplateOptions;
    };

/** What a chat template is told beside the conversation. */
export interface TemplateOptions {
  /** Its variables by their names: `enable_thinking`, say. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** The answer goes on with the last message, which is the assistant's. */
  readonly continueFinalMessage?: boolean;
}

/** A prompt as the model gets it. */
export interface TokenizedPrompt {
  readonly tokens: readonly Token[];
  /** Of a conversation: where its answer begins. */
  readonly start?: AnswerStart;
}

/** Natural logarithms of probabilities in the model's raw distribution: before any sampling setting. */
export interface TokenLogprobs {
  /** Of the token that was sampled, or stands in the prompt. */
  readonly logprob: number;
  /** The most probable tokens, exactly as many as asked for, most probable first. */
  readonly top: readonly { readonly token: Token; readonly logprob: number }[];
}

/** How a job samples. The seed is final: -1 has been replaced by 32 random bits. */
export interface SlotSampling extends Omit<Sampling, "seed"> {
  readonly seed: number;
  /**
   * The grammar of an answer to messages, which the prompt has begun to say. In it and in `said` a mark stands for a marker of the chat format.
   * Not beside `grammar`.
   */
  readonly answer?: { readonly grammar: string; readonly said: string };
  /** The text is that of a hole in code: what is not sure ends it. */
  readonly fillIn?: boolean;
  /** A scale for each of the model's adapters; undefined: those that they were loaded with. */
  readonly adapters?: readonly number[];
  /** Return logprobs with each token, with so many alternatives; undefined: none, which is a good deal cheaper. */
  readonly topLogprobs?: number;
  /** It goes on after tokens that it has sampled before, under an engine that is gone. */
  readonly said?: SaidBefore;
}

/** They stand at the end of what is fed as the prompt, and the first one that is sampled comes after them. */
export interface SaidBefore {
  readonly ids: readonly Token[];
  /** So many tokens after the head of the prompt, and the first ones of these perhaps, were forgotten by shifts: they are not fed. */
  readonly discarded: number;
  /** Of the prompt alone, forgotten ones included. */
  readonly promptTokens: number;
}

/** One slot's share of a step. */
export type BatchEntry =
  /**
   * Compute these prompt tokens. With `sample`, they are the last ones: the entry also yields the first token, `forced` if given. With `followers`
   * it yields the logprobs of the tokens that follow each of these in the prompt, of which the last one has none: only where the slot's
   * sampling has `topLogprobs`.
   */
  | {
      readonly kind: "prefill";
      readonly slot: number;
      readonly tokens: readonly Token[];
      readonly followers?: readonly Token[];
      readonly sample: boolean;
      readonly forced?: Token;
    }
  /** Feed the token that this slot sampled last, and sample the next one; with `forced`, yield this one instead. */
  | { readonly kind: "decode"; readonly slot: number; readonly forced?: Token };

export type EntryResult =
  /** `followers`: one for each of the entry's own. */
  | { readonly kind: "none"; readonly followers?: readonly TokenLogprobs[] }
  | {
      readonly kind: "token";
      readonly token: Token;
      readonly logprobs?: TokenLogprobs;
      readonly followers?: readonly TokenLogprobs[];
    }
  /** This entry alone failed; the others are good. `invalid_argument` where the request is to blame: a grammar that allows nothing, say. */
  | { readonly kind: "failed"; readonly message: string; readonly code?: "invalid_argument" };

/** A slot's KV cache as it was once, kept outside the context. */
export interface SavedState {
  readonly id: string;
  /** What it begins with; it may hold more. */
  readonly tokens: readonly Token[];
  /** Whose tokens they are. */
  readonly cacheScope: string;
  readonly bytes: number;
}

/** Slot states that outlive the slot's next job, and the engine. Called between steps only. */
export interface SlotStates {
  /** What an earlier engine left of this very model, least recently used first. Nobody has looked at their contents yet. */
  readonly found: readonly SavedState[];
  /**
   * Saves what the slot holds; the slot stays as it is.
   * @param tokens the first tokens that it holds
   * @throws Error when it cannot be kept (no space, say); nothing is left behind then
   */
  save(slot: number, tokens: readonly Token[], cacheScope: string): Promise<SavedState>;
  /**
   * Replaces what the slot holds. False when the state is gone or damaged: then it is removed, and the slot holds
   * nothing.
   */
  load(slot: number, state: SavedState): Promise<boolean>;
  remove(state: SavedState): void;
}

/** What a vector is computed of: a text, or the model's own tokens as they are. */
export type EmbedInput = string | readonly Token[];

/** What a model that ranks reads at once. */
export interface TextPair {
  readonly query: string;
  readonly document: string;
}

/** Consecutive tokens of a text. */
export interface TextPiece {
  readonly tokens: readonly Token[];
  /** It begins a text: whatever another one has left unfinished is forgotten. */
  readonly first: boolean;
  readonly last: boolean;
}

/**
 * Computes what texts come to, in a context of its own and one after the other: a vector for each text, or one number for each pair, by the
 * model's kind. `feed` is called between steps only, `tokenize` at any time.
 */
export interface Embedder {
  /** Numbers of what a text comes to: the model's width, or 1 for a pair. */
  readonly width: number;
  /** Most tokens of a text. */
  readonly maxTokens: number;
  /** Most tokens of a piece; a text that `mustBeWhole` fits into one. */
  readonly maxPieceTokens: number;
  /** A text cannot be cut into pieces. */
  readonly mustBeWhole: boolean;
  /**
   * With what the model wants before and after a text, and between the two of a pair.
   * @param truncateTo cuts off what is beyond so many tokens, or beyond `maxTokens`: of a pair, the end of its document
   * @throws WaggleError invalid_argument when a token is none of the model's, or a query leaves no room for its document
   */
  tokenize(text: EmbedInput | TextPair, truncateTo?: number): Promise<readonly Token[]>;
  /**
   * Computes a piece. The last one gives the text's vector, of length 1; of a pair a logit: the higher, the better the document fits.
   * @throws WaggleError resource_exhausted when there is no memory for the context, which the first piece opens
   */
  feed(piece: TextPiece): Promise<readonly number[] | undefined>;
}

/** Steps that are asked for before the one before them has ended: whoever computes them has no reason to rest in between. */
export interface StepsAhead {
  /**
   * One more step behind the one that runs, for slots that all have a part in that one: each feeds the token that it samples there. While it waits
   * or runs, nothing else is asked of the backend but one more of them, once the one before it has ended.
   * @returns undefined where a job of these slots has to be looked at between two tokens; else a promise of the results in the order of the slots, or of
   * undefined when it was withdrawn
   */
  step(slots: readonly number[]): Promise<readonly EntryResult[] | undefined> | undefined;
  /** Takes back the one that was asked for last. @returns false: it has begun, so the one before it has ended */
  withdraw(): boolean;
}

/** The GPUs that it computes on, as one. */
export interface GpuMemory {
  readonly name: string;
  /** By all programs. */
  readonly usedBytes: number;
  readonly totalBytes: number;
}

export interface Backend {
  readonly info: BackendInfo;
  /** Asks the driver, so not to be called for each step. Absent where there is no GPU. */
  readonly gpuMemory?: (() => Promise<GpuMemory>) | undefined;
  /** Absent where the model has no vectors to give. */
  readonly embedder?: Embedder | undefined;
  /** Absent where slots cannot be saved, or shall not be. */
  readonly states?: SlotStates | undefined;
  /** Absent where one step has to end before the next one is known. */
  readonly ahead?: StepsAhead | undefined;
  /** Most followers in one step, over all its entries: each takes memory for the logits of the whole vocabulary. */
  readonly maxFollowers: number;

  /**
   * Text, or a conversation under the model's chat template, as tokens. BOS where the model wants one, and never twice; text of a message
   * never becomes a control token. Long texts take several turns of the event loop.
   * @throws WaggleError invalid_argument when the template cannot render these messages, or a token is none of the model's
   */
  tokenize(input: PromptInput): Promise<TokenizedPrompt>;

  /**
   * Text as tokens and nothing added but what is asked for.
   * @param addSpecial put BOS before it where the model wants one
   * @param parseSpecial read the text of control tokens as control tokens
   */
  tokenizeText(text: string, addSpecial: boolean, parseSpecial: boolean): Promise<readonly Token[]>;

  /**
   * A conversation as the text that `tokenize` would make tokens of.
   * @throws WaggleError invalid_argument when the template cannot render these messages
   */
  renderMessages(input: PromptInput & { kind: "messages" }): Promise<string>;

  /**
   * Checks what only the model can: the grammar compiles, the biased tokens exist.
   * @throws WaggleError invalid_argument naming the field
   */
  checkSampling(sampling: SlotSampling): Promise<void>;

  /**
   * Checks that this model's contexts can be shifted.
   * @throws WaggleError invalid_argument naming `context_shift` when they cannot
   */
  checkShift(): void;

  /** The bytes that this token adds to the text; empty for control tokens. May be part of a character. */
  tokenBytes(token: Token): Uint8Array;

  /** The mark of a token that is a marker of the chat format, control token or not; undefined for all others. */
  markOf(token: Token): string | undefined;

  /** What closes a thought from outside, so that the answer begins; no tokens where the model has no thoughts. */
  readonly thoughtEnd: { readonly text: string; readonly tokens: readonly Token[] };

  isEndOfGeneration(token: Token): boolean;

  /**
   * Binds a slot to new work: its KV cache keeps the first `keepTokens` tokens and loses the rest, and its sampler starts afresh. A
   * rejection is this slot's alone: nothing is bound then, and what it holds is unknown, so the next work keeps nothing of it.
   * @returns how many tokens it has kept: fewer than asked for where the model's memory cannot be cut there
   * @throws WaggleError invalid_argument when the sampling cannot be followed
   */
  begin(slot: number, keepTokens: number, sampling: SlotSampling): Promise<number>;

  /**
   * One forward pass over all entries, then sampling. Their slots have the same adapters. Entries come in ascending slot order, one a slot, `batchSize` tokens together at most;
   * results come in the same order. A rejection means that the backend is unusable from now on.
   * @param underway called once, when the pass computes and leaves this thread free
   */
  step(entries: readonly BatchEntry[], underway?: () => void): Promise<readonly EntryResult[]>;

  /**
   * Forgets `discardTokens` tokens after the first `keepTokens` in the middle of a slot's work, between two of its decode entries. What
   * follows moves up by as many positions; the next entry goes on after it. What has moved still knows of what was forgotten, which
   * computing it afresh would not give.
   * @param keepTokens at least 1; both together at most what the slot holds
   */
  shift(slot: number, keepTokens: number, discardTokens: number): Promise<void>;

  /**
   * Ends the slot's work. Its KV cache stays: everything fed so far, which is all tokens but the one sampled last; after a shift, the
   * tokens that none has moved.
   */
  end(slot: number): Promise<void>;

  /** Takes effect with the next step. */
  setThreads(threads: number): void;

  dispose(): Promise<void>;
}
