// Defines the Backend port: the functions that the engine calls to compute. The port knows slots and tokens, but no jobs,
// HTTP or time.
import type { AnswerStart, ChatFormat } from "@waggle/chat-format/format";
import type { AttentionCosts, LoadedSettings, ModelKind, Sampling, StepCosts } from "@waggle/protocol";
import type { Pieces } from "./pieces.ts";

export type Token = number;

export interface BackendInfo {
  readonly backend: "llama" | "fake";
  /** The use of the model. Only a model that generates receives steps. */
  readonly kind: ModelKind;
  /** Length of a vector; absent where the model computes no vectors. */
  readonly embeddingSize?: number | undefined;
  /** The model's name: the GGUF's `general.name`, else its file name. */
  readonly modelName: string;
  /** Maximum number of tokens per slot. The KV cache may have room for a few more, because llama.cpp pads its size. */
  readonly contextSize: number;
  /** Most tokens that all slots hold together: at least `contextSize`, and at most `slots * contextSize`, where the pool is never full. */
  readonly contextPool: number;
  readonly trainedContextSize: number;
  readonly slots: number;
  /** Maximum number of tokens that one step may carry, over all its entries. */
  readonly batchSize: number;
  readonly parameters: number;
  readonly modelBytes: number;
  /** The absolute path of the model's file, or of the first part of a split file; never sent to a client. Absent without a file. */
  readonly modelPath?: string;
  /** SHA-256 of the chat template's text, hexadecimal; where the model has a second template for tools, of both texts concatenated. */
  readonly templateSha256?: string;
  readonly file?: ModelFile;
  readonly device: string;
  readonly threads: number;
  /** Highest value that `setThreads` accepts. */
  readonly maxThreads: number;
  /** Origin of the engine's libraries: `prebuilt`, or `source` if they were compiled on this machine. */
  readonly build: string;
  /** Release of llama.cpp, such as `b6673`. Absent without a model. */
  readonly release?: string;
  /** What decodes: Waggle's addon, or node-llama-cpp's own binding. Absent without a model. */
  readonly binding?: "addon" | "library";
  /** Why the addon does not decode. */
  readonly bindingReason?: string;
  /** Settings for loading, as in effect; absent where no model is loaded. */
  readonly settings?: LoadedSettings | undefined;
  /** What attention was measured to cost with and without flash attention; absent where that was not measured. */
  readonly attention?: AttentionCosts | undefined;
  /** How the model's chat template writes answers. Private characters (marks) replace the markers that are tokens. */
  readonly chatFormat: ChatFormat;
  /** The model was trained to fill holes in code, and accepts infill prompts. */
  readonly infill: boolean;
  /** The projector, which lets the model read pictures; absent without one. */
  readonly vision?: VisionInfo;
  /** Why the projector next to the model is not used. */
  readonly visionProblem?: string;
  readonly promptTexts: PromptTexts;
}

/** Returns the most tokens that a slot holds. The last token of a full context is sampled and never fed. */
export function contextCapacity(contextSize: number): number {
  return contextSize - 1;
}

export interface VisionInfo {
  /** The projector's name: the GGUF's `general.name`, else its file name. */
  readonly projector: string;
  /** Size of the projector's file. */
  readonly bytes: number;
  /** Most pixels of a picture; a larger one is scaled down. */
  readonly maxPixels: number;
}

/** The chat template and the texts of two control tokens. */
export interface PromptTexts {
  /** The source of the chat template in use; where the model has several, the template for conversations without tools. */
  readonly chatTemplate: string;
  /** The text of the BOS token; "" where the model has no such token. */
  readonly bos: string;
  readonly eos: string;
}

export interface ModelFile {
  /** The model's architecture: `llama`, `qwen3`, … */
  readonly architecture: string;
  /** The quantization, for example `Q4_K_M`; undefined where the file names none. */
  readonly quantization: string | undefined;
  /** The description that the model's maker wrote; undefined where the file has none. */
  readonly description: string | undefined;
  /** Time of the file's last change, ISO 8601. */
  readonly modifiedAt: string;
}

/** A message in the form and with the field names that chat templates expect. */
export interface TemplateMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  /** Text, or a list of texts and pictures, which some templates format separately. */
  readonly content: string | readonly TemplatePart[];
  /** The assistant's thought before the answer; templates of thinking models use it. */
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly TemplateToolCall[];
  readonly tool_call_id?: string;
}

export type TemplatePart = { readonly type: "text"; readonly text: string } | PicturePart;

/** The place of a picture in a message or a prompt. */
export interface PicturePart {
  readonly type: "image";
  /** Index among the pictures of the work. */
  readonly picture: number;
  /** Replaces a picture of a conversation that cannot be read. Without a note, such a picture ends the job. */
  readonly note?: string | undefined;
}

/** A picture as the client sent it. */
export interface Picture {
  /** SHA-256 of the bytes, hexadecimal. */
  readonly sha256: string;
  /** A PNG, JPEG, WebP or GIF file. */
  readonly bytes: Uint8Array;
}

export interface TemplateToolCall {
  readonly id: string;
  readonly type: "function";
  /** The arguments are parsed, because templates print them in different formats. */
  readonly function: { readonly name: string; readonly arguments: unknown };
}

/** A tool that the model may call, in OpenAI's format, which templates expect. */
export interface TemplateTool {
  readonly type: "function";
  readonly function: { readonly name: string; readonly description?: string; readonly parameters?: unknown };
}

/** Part of a prompt: text, in which control tokens are parsed, tokens that are used unchanged, or a picture. */
export type PromptPiece = string | readonly Token[] | PicturePart;

/** Code with a hole, for models that were trained to fill holes. */
export interface InfillPrompt {
  readonly prefix: string;
  readonly suffix: string;
  /** Other files of the same repository, the most relevant last. */
  readonly extra: readonly { readonly filename: string; readonly text: string }[];
  /** The beginning of the text that fills the hole. */
  readonly prompt: string;
}

export type PromptInput =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "pieces"; readonly pieces: readonly PromptPiece[] }
  | { readonly kind: "infill"; readonly infill: InfillPrompt }
  | ({ readonly kind: "messages" } & Conversation);

export interface Conversation {
  readonly messages: readonly TemplateMessage[];
  readonly tools?: readonly TemplateTool[];
  readonly template?: TemplateOptions;
}

/** Input of a chat template in addition to messages and tools. */
export interface TemplateOptions {
  /** Variables of the template by name, for example `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** The answer continues the last message, which must be the assistant's. */
  readonly continueFinalMessage?: boolean;
}

/** A prompt as the model receives it. */
export interface TokenizedPrompt {
  readonly entries: readonly HeldEntry[];
  /** The beginning of the answer; only for a conversation. */
  readonly start?: AnswerStart;
}

/** Natural logarithms of probabilities in the model's raw distribution, before any sampling setting. */
export interface TokenLogprobs {
  /** Logprob of the sampled token, or of the prompt's token. */
  readonly logprob: number;
  /** The most probable tokens, exactly as many as requested, in descending order of probability. */
  readonly top: readonly { readonly token: Token; readonly logprob: number }[];
}

/** How a job samples. The seed is final: -1 has been replaced by 32 random bits. */
export interface SlotSampling extends Omit<Sampling, "seed"> {
  readonly seed: number;
  /**
   * The grammar of an answer to messages, and the beginning of the answer that the prompt contains. In both texts, private
   * characters (marks) replace the chat format's markers. Cannot be combined with `grammar`.
   */
  readonly answer?: { readonly grammar: string; readonly begun: string };
  /** The answer fills a hole in code, so the answer ends where the model is unsure. */
  readonly fillIn?: boolean;
  /** A scale for each of the model's adapters; undefined: the scales at load. */
  readonly adapters?: readonly number[];
  /** Number of alternatives to return with the logprobs of each token; undefined: no logprobs, which is much cheaper. */
  readonly topLogprobs?: number;
}

/** The earlier output of a job that resumes after the loss of an engine, or returns after it was preempted. */
export interface PriorTokens {
  readonly ids: readonly Token[];
  /** Number of tokens that context shifts have discarded; they may include the first of `ids`. */
  readonly discarded: number;
}

/** A part of a picture that the model reads as one: most projectors make one chunk of a picture, some cut it into several. */
export interface PictureChunk {
  /** The same only for the same part of the same picture, scaled in the same way, with the same projector. */
  readonly id: string;
  /** Index of the picture among the pictures of the work. */
  readonly picture: number;
  /** Number of cells that the chunk takes in a KV cache. */
  readonly cells: number;
  /** Number of positions that the chunk takes. With M-RoPE, these are fewer than the cells. */
  readonly positions: number;
  /** False: the cells see each other, so all of them have to be computed in one pass. */
  readonly causal: boolean;
}

/** A cell of a picture: it stands where a token would. */
export interface PictureCell {
  readonly chunk: PictureChunk;
  /** From 0 to `chunk.cells - 1`. */
  readonly index: number;
}

/** An element of a prompt, and of what a slot holds. */
export type HeldEntry = Token | PictureCell;

/** What a slot's KV cache holds. The engine owns the list and changes it; a backend only reads it. */
export interface Held {
  /** Oldest first. */
  readonly entries: readonly HeldEntry[];
  /** The tokens among the entries, which samplers read. */
  readonly tokens: readonly Token[];
  /** The position that the model gives to the next entry. */
  readonly nextPosition: number;
}

/** One slot's share of a step. From the call of `step`, the slot's `Held` includes `tokens`. */
export interface BatchEntry {
  readonly slot: number;
  /** Position of the first of `tokens`. */
  readonly from: number;
  /** At least one token. */
  readonly tokens: readonly Token[];
  /** Also yield the token behind `tokens`: where they end with the prompt, or are the token that the slot sampled last. */
  readonly sample: boolean;
  /**
   * Guesses at the tokens behind `tokens`, computed in the same pass. Only behind the token that the slot sampled last, without `forced`, and only where `takesGuesses` is true. After
   * the step, the slot holds `tokens` and the right guesses.
   */
  readonly guesses?: readonly Token[];
  /** The token to yield instead of sampling. */
  readonly forced?: Token;
  /**
   * The prompt token behind each of `tokens`, except behind the end of the prompt: the entry also yields the logprobs of these
   * tokens. Allowed only where the slot's sampling has `topLogprobs`.
   */
  readonly nextTokens?: readonly Token[];
}

export type EntryResult =
  /** `nextLogprobs`: the logprobs of each of the entry's `nextTokens`. */
  | { readonly kind: "none"; readonly nextLogprobs?: readonly TokenLogprobs[] }
  | {
      readonly kind: "token";
      readonly token: Token;
      readonly logprobs?: TokenLogprobs;
      readonly nextLogprobs?: readonly TokenLogprobs[];
      /** The tokens sampled behind `token`, one for each right guess. */
      readonly behind?: readonly { readonly token: Token; readonly logprobs?: TokenLogprobs }[];
    }
  /**
   * Only this entry failed; the other results are valid. `invalid_argument` where the request is at fault, for example
   * with a grammar that allows no token.
   */
  | { readonly kind: "failed"; readonly message: string; readonly code?: "invalid_argument" };

/** A copy of a slot's KV cache, kept outside the context. */
export interface KvSnapshot {
  readonly id: string;
  /** What a slot holds after it has loaded the snapshot. */
  readonly entries: readonly HeldEntry[];
  /** Only jobs of this cache scope may use the entries. */
  readonly cacheScope: string;
  readonly bytes: number;
}

/** KV snapshots, which outlive the slot's next job and the engine. Called between steps only. */
export interface KvSnapshots {
  /** Snapshots of this model from an earlier engine, least recently used first. Their contents are not checked yet. */
  readonly found: readonly KvSnapshot[];
  /**
   * Saves the slot's cache; the slot does not change.
   * @param tokens number of entries, from the first, that the snapshot offers
   * @throws Error when the cache cannot be saved, for example because the disk is full; no file remains then
   */
  save(slot: number, held: Held, tokens: number, cacheScope: string): Promise<KvSnapshot>;
  /**
   * Replaces the cache of a slot without work. Returns false when the snapshot is missing or damaged: the snapshot is then
   * removed, and the slot is empty.
   */
  load(slot: number, state: KvSnapshot): Promise<boolean>;
  remove(state: KvSnapshot): void;
}

/** Input of an embedding: a text, or tokens of the model. */
export type EmbedInput = string | readonly Token[];

/** Input of a reranking model. */
export interface TextPair {
  readonly query: string;
  readonly document: string;
}

/** Consecutive tokens of a text. */
export interface TextPiece {
  readonly tokens: readonly Token[];
  /** The piece begins a text; an unfinished text before it is dropped. */
  readonly first: boolean;
  readonly last: boolean;
}

/**
 * Computes texts in a separate context, one after the other. An embedding model yields a vector for each text, a reranking
 * model one number for each pair. `feed` is called between steps only, `tokenize` at any time.
 */
export interface Embedder {
  /** Length of a result: the model's width, or 1 for a pair. */
  readonly width: number;
  /** Maximum number of tokens in a text. */
  readonly maxTokens: number;
  /** Maximum number of tokens in a piece; with `mustBeWhole`, a text must fit into one piece. */
  readonly maxPieceTokens: number;
  /** True when a text cannot be cut into pieces. */
  readonly mustBeWhole: boolean;
  /**
   * Tokenizes a text or pair, with the tokens that the model expects before and after a text, and between the two texts of
   * a pair.
   * @param truncateTo length in tokens, at most `maxTokens`, beyond which the input is cut off; a pair loses the end of
   * its document
   * @throws WaggleError invalid_argument when the model has no such token, or a query leaves no room for its document
   */
  tokenize(text: EmbedInput | TextPair, truncateTo?: number, pieces?: Pieces): Promise<readonly Token[]>;
  /**
   * Computes a piece. The last piece yields the result: for a text its vector, of length 1; for a pair a logit, which is
   * higher the better the document fits.
   * @throws WaggleError resource_exhausted when there is no memory for the context, which the first piece opens
   */
  feed(piece: TextPiece): Promise<readonly number[] | undefined>;
}

/** Consecutive cells of a chunk, computed in a separate pass: llama.cpp computes tokens or embeddings in a pass, not both. */
export interface PicturePiece {
  readonly slot: number;
  readonly chunk: PictureChunk;
  /** Index of the first cell; 0 unless the chunk is causal. */
  readonly first: number;
  /** Number of cells; all of the chunk's unless it is causal. */
  readonly count: number;
  /** Position of the chunk's first cell. */
  readonly from: number;
}

export interface EncodeOptions {
  /** Threads that compute; `setThreads` changes it. */
  readonly threads: number;
  /** For a picture that is divided again. When their signal aborts, the encoding ends soon and the call rejects with the signal's reason. */
  readonly pieces: Pieces;
}

/** Encodes chunks of pictures to embeddings on a separate thread, while steps continue, and computes embeddings in slots. */
export interface PictureEncoder {
  /** Whether a picture is being decoded or divided, which takes one thread. */
  readonly dividing: boolean;
  /** Whether the embeddings of this chunk are there. */
  has(chunk: PictureChunk): boolean;
  /**
   * Encodes a chunk, and keeps its embeddings until `release`, or until others need the memory. One call at a time.
   * @throws WaggleError invalid_argument when the picture cannot be read
   */
  encode(chunk: PictureChunk, picture: Picture, options: EncodeOptions): Promise<void>;
  /** Changes the threads of the encoding that runs. */
  setThreads(threads: number): void;
  /** Keeps the embeddings of this chunk in memory until `release`. */
  hold(chunk: PictureChunk): void;
  /** A slot needs the embeddings no longer. They are kept as long as there is room. */
  release(chunk: PictureChunk): void;
  /** Computes cells of a chunk whose embeddings are there. Called between steps. A rejection means that the backend is unusable from now on. */
  feed(piece: PicturePiece): Promise<void>;
}

/** Memory of the GPUs that the backend uses, summed up. */
export interface GpuMemory {
  readonly name: string;
  /** Memory in use by all programs. */
  readonly usedBytes: number;
  readonly totalBytes: number;
}

/** What every model has. */
export interface Backend {
  readonly info: BackendInfo;
  /** Queries the driver, so it must not be called for each step. Absent without a GPU. */
  readonly gpuMemory?: (() => Promise<GpuMemory>) | undefined;
  /** Absent where the model only embeds or ranks. */
  readonly generator?: TextGenerator | undefined;
  /** Absent where the model computes no vectors. */
  readonly embedder?: Embedder | undefined;

  /**
   * Tokenizes text; adds and parses special tokens only as the parameters say.
   * @param addSpecial add BOS before the text where the model expects it
   * @param parseSpecial parse the text of control tokens as control tokens
   */
  tokenizeText(text: string, addSpecial: boolean, parseSpecial: boolean, pieces?: Pieces): Promise<readonly Token[]>;

  /** The bytes that this token adds to the text; empty for control tokens. The bytes may be an incomplete character. */
  tokenBytes(token: Token): Uint8Array;

  /** Takes effect with the next step or piece. */
  setThreads(threads: number): void;

  dispose(): Promise<void>;
}

/** What a model has that generates: prompts, sampling, and slots that compute. */
export interface TextGenerator {
  /** Absent where slots cannot be saved, or saving is off. */
  readonly states?: KvSnapshots | undefined;
  /** Whether entries may have guesses. */
  readonly takesGuesses: boolean;
  /** Whether all slots share one cache, so that all rows of a step are one matrix. */
  readonly oneMatrix: boolean;
  /** What 1,000 tokens of context add to a token, measured at load; absent where that was not measured. */
  readonly contextCosts?: StepCosts["context"] | undefined;
  /** Fewest tokens of an entry that attention computes at once; fewer cost as much for each as a decoding row. */
  readonly attentionTile: number;
  /** Most tokens of a piece of a prompt behind so many tokens of its slot, where the memory for a pass grows with both; absent without such a limit. */
  readonly mostBehind?: ((held: number) => number) | undefined;
  /** Most `nextTokens` in one step, over all its entries: each of them needs memory for the logits of the whole vocabulary. */
  readonly maxNextLogprobs: number;
  /** The text that closes a thought, so that the answer begins; `tokens` is empty for a model without thoughts. */
  readonly thoughtEnd: { readonly text: string; readonly tokens: readonly Token[] };

  /**
   * Tokenizes text, or a conversation under the model's chat template. BOS is added where the model expects it, and never
   * twice; text of a message never becomes a control token. A long text takes several turns of the event loop.
   * @param pictures the pictures of the work, which the input names by their indexes
   * @throws WaggleError invalid_argument when the template cannot render these messages, the model has no such token, or a picture cannot be read
   */
  tokenize(input: PromptInput, pictures?: readonly Picture[], pieces?: Pieces): Promise<TokenizedPrompt>;

  /** Absent where the model cannot read pictures. */
  readonly pictures?: PictureEncoder | undefined;

  /**
   * Renders a conversation to the text that `tokenize` would tokenize.
   * @throws WaggleError invalid_argument when the template cannot render these messages
   */
  renderMessages(input: PromptInput & { kind: "messages" }, pieces?: Pieces): Promise<string>;

  /**
   * Does the checks that need the model: the grammar compiles, and the biased tokens exist.
   * @throws WaggleError invalid_argument naming the field
   */
  checkSampling(sampling: SlotSampling, pieces?: Pieces): Promise<void>;

  /**
   * Checks that this model's contexts can be shifted.
   * @throws WaggleError invalid_argument naming `context_shift` when they cannot
   */
  checkShift(): void;

  /** The private character (mark) that replaces a marker of the chat format, also if the marker is no control token; undefined for other tokens. */
  markOf(token: Token): string | undefined;

  /**
   * Computes a step as a measurement, in slots that hold nothing, and discards it. Absent where steps cannot be measured. Called before the first `begin`.
   * @param rows number of slots that decode one token each; 0 for a piece of a prompt
   * @param promptTokens number of tokens of the piece, which the next slot computes
   * @returns milliseconds
   */
  readonly measure?: ((rows: number, promptTokens: number) => Promise<number>) | undefined;

  isEndOfGeneration(token: Token): boolean;

  /**
   * Binds a slot to new work: its KV cache keeps the first `keep` entries and loses the rest, and its sampler starts afresh.
   * A rejection concerns this slot only: no work is bound, and the slot's contents are unknown, so the next work must not
   * keep any entries.
   * @param held what the slot holds before the call. The caller cuts it to the returned number, and from then on changes it
   * with each step and shift of the work; the sampler reads it
   * @param prior output that comes before the first token that is sampled; the next entries feed it, as far as it is not kept
   * @returns the number of entries kept: fewer than requested where the model's memory cannot be cut there
   * @throws WaggleError invalid_argument when the model cannot follow the sampling settings
   */
  begin(slot: number, keep: number, sampling: SlotSampling, held: Held, prior?: PriorTokens): Promise<number>;

  /**
   * Computes all entries, then samples. The slots of all entries have the same adapters. There is one entry per slot, with at most `batchSize` tokens
   * together; the results come in the same order. Entries next to each other whose slots count up by one are computed as one matrix, unless a cache
   * of all slots makes one matrix of everything; others one after the other. A rejection means that the backend is unusable from now on.
   * @param underway called once, when the pass computes and leaves this thread free
   */
  step(entries: readonly BatchEntry[], underway?: () => void): Promise<readonly EntryResult[]>;

  /**
   * Discards `discard` entries after the first `keep`, between two decode entries of a slot. The entries behind the discarded
   * ones move up by as many positions. The cache of the moved entries depends on the discarded ones, so a fresh computation
   * would give another cache. The caller changes the slot's `Held` afterwards.
   * @param keep at least 1
   */
  shift(slot: number, keep: number, discard: number): Promise<void>;

  /** Ends the slot's work. The slot's KV cache keeps the first `keep` entries. */
  end(slot: number, keep: number): Promise<void>;

  /**
   * Discards the entries behind the first `keep` of a slot without work, so that other slots may hold more. With `keep` 0 the slot is
   * empty afterwards, whatever it held.
   * @param held what the slot holds before the call
   * @returns the number of entries kept: fewer than requested where the model's memory cannot be cut there
   */
  cut(slot: number, keep: number, held: Held): Promise<number>;

  /**
   * Replaces what a slot without work holds by the first `keep` entries of another slot, which may be computing. Both slots then have separate cells,
   * so that neither depends on the other. For a moment, the copy has all entries of the other slot. Absent where slots cannot be copied.
   * @param held what the slot `from` holds
   */
  copy?: ((from: number, to: number, keep: number, held: Held) => Promise<void>) | undefined;
}
