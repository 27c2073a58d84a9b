// Defines the part of the Backend port that writes: prompts, sampling, and slots that compute.
import type { StepCosts } from "@waggle/protocol";
import type { Held, KvSnapshots } from "./kv.ts";
import type { Picture, PictureEncoder } from "./pictures.ts";
import type { Pieces } from "./pieces.ts";
import type { PromptInput, TokenizedAnswers, TokenizedPrompt } from "./prompts.ts";
import type { BatchEntry, EntryResult, SlotSampling, Token } from "./steps.ts";

/**
 * Tokenizes a conversation with each of these beginnings of its answer. A thought before the answer is closed.
 * @param answers at least one, each with at least one character
 * @throws WaggleError as `tokenize` does, and invalid_argument when a thought cannot be closed
 */
export type AnswerTokenizer = (
  input: PromptInput & { kind: "messages" },
  answers: readonly string[],
) => Promise<TokenizedAnswers>;

/** What a model has that generates: prompts, sampling, and slots that compute. */
export interface TextGenerator {
  /** Absent where slots cannot be saved, or saving is off. */
  readonly states?: KvSnapshots | undefined;
  /** Whether entries may have drafts. */
  readonly takesDrafts: boolean;
  /** Whether all slots share one cache, so that all rows of a step are one matrix. */
  readonly oneMatrix: boolean;
  /** What 1,000 tokens of context add to a token, measured at load; absent where that was not measured. */
  readonly contextCosts?: StepCosts["context"] | undefined;
  /** Fewest tokens of an entry that attention computes at once; fewer cost as much for each as a decoding row. */
  readonly attentionTile: number;
  /** Maximum number of tokens of a piece of a prompt after so many tokens of its slot; absent unless the memory for a pass grows with both. */
  readonly mostBehind?: ((held: number) => number) | undefined;
  /** Most `reads` in one step, over all its entries: each of them needs memory for the logits of the whole vocabulary. */
  readonly maxReads: number;
  /** The text that closes a thought, so that the answer begins; `tokens` is empty for a model without thoughts. */
  readonly thoughtEnd: { readonly text: string; readonly tokens: readonly Token[] };

  /**
   * Tokenizes text, or a conversation under the model's chat template. BOS is added where the model expects it, and never
   * twice; text of a message never becomes a control token. A long text takes several turns of the event loop.
   * @param pictures the pictures of the work, which the input names by their indexes
   * @throws WaggleError invalid_argument when the template cannot render these messages, the model has no such token, or a picture cannot be read
   */
  tokenize(input: PromptInput, pictures?: readonly Picture[], pieces?: Pieces): Promise<TokenizedPrompt>;

  /** Returns the function that tokenizes the prompts of one job. Text that many of them begin with is tokenized once. */
  answerTokenizer(pictures?: readonly Picture[], pieces?: Pieces): AnswerTokenizer;

  /** All tokens for which `isEndOfGeneration` is true, at least one. */
  readonly endTokens: readonly Token[];

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

  /** The private character (mark) that replaces a marker of the chat format, also if the marker is not a control token; undefined for other tokens. */
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
   * with each step of the work; the sampler reads it
   * @param output what the job has sampled before: it resumes after the loss of an engine, or returns after it was preempted. The next entries feed it, as
   * far as it is not kept
   * @returns the number of entries kept: fewer than requested where the model's memory cannot be cut there
   * @throws WaggleError invalid_argument when the model cannot follow the sampling settings
   */
  begin(slot: number, keep: number, sampling: SlotSampling, held: Held, output?: readonly Token[]): Promise<number>;

  /**
   * Computes all entries, then samples. The slots of all entries have the same adapters. There is one entry per slot, with at most `batchSize` tokens
   * together; the results come in the same order. Entries next to each other whose slots count up by one are computed as one matrix, unless a cache
   * of all slots makes one matrix of everything; others one after the other. A rejection means that the backend is unusable from now on.
   * @param underway called once, when the pass computes and leaves this thread free
   */
  step(entries: readonly BatchEntry[], underway?: () => void): Promise<readonly EntryResult[]>;

  /** Ends the slot's work. The slot's KV cache keeps its entries. */
  end(slot: number): Promise<void>;

  /**
   * Discards the entries after the first `keep` of a slot without work, so that other slots may hold more. With `keep` 0 the slot is
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
