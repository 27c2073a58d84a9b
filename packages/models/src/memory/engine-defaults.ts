// Owns the default sizes of an engine's context: the most tokens of one job, and of all jobs together.
import { longestContext } from "./search.ts";

/** Usual tokens per slot. Users must ask for more, because a context takes memory. */
const usualContext = 8_192;
/** Usual limit of a text's tokens, for models that embed or rank. It is short, because some compute a text in one pass, and a cancel waits for the pass. */
const usualTextTokens = 2_048;
/** Part of the free memory that a context of default size may take. The rest is for the worker and other processes. */
export const defaultMemoryShare = 0.5;

export interface ContextSizes {
  /** Maximum number of tokens of one job, prompt and answer together. For a model that only reads: most tokens of a text. */
  readonly contextSize: number;
  /** Maximum number of tokens of all running jobs together. */
  readonly contextPool: number;
}

export interface ContextDefaultsOptions {
  /** Context size of the model's training. */
  readonly trained: number;
  readonly slots: number;
  /** The configured size; undefined: chosen here. */
  readonly contextSize?: number | undefined;
  /** The configured size; undefined: chosen here. */
  readonly contextPool?: number | undefined;
  /** Whether a slot may hold more than its part of the pool. */
  readonly isShared: boolean;
  /** Whether these sizes fit into the memory. Must be false for all sizes above one that does not fit. Configured sizes are not checked. */
  readonly fits: (contextSize: number, contextPool: number) => boolean;
}

/**
 * Chooses the sizes that the settings leave open. A pool has room for 8,192 tokens per slot, or for a full context in each slot where the context
 * size is set; it is smaller if the memory is short. One job may fill the whole pool. The number of slots is never reduced: users would not see why
 * their jobs wait for a slot. But if a context is too short for a prompt, the error has both lengths.
 * @returns undefined if not even the smallest context fits
 */
export function contextDefaults(options: ContextDefaultsOptions): ContextSizes | undefined {
  return options.isShared ? sharedContext(options) : separateContexts(options);
}

/** The configured or usual sizes, whether or not they fit. */
export function usualSizes(options: Omit<ContextDefaultsOptions, "fits">): ContextSizes {
  const sizes = contextDefaults({ ...options, fits: () => true });
  if (sizes === undefined) throw new RangeError("no context fits into unlimited memory");
  return sizes;
}

function sharedContext(options: ContextDefaultsOptions): ContextSizes | undefined {
  const { trained, slots, contextSize, fits } = options;
  const longest = contextSize ?? trained;
  const sizesOf = (contextPool: number): ContextSizes => ({
    contextSize: Math.min(longest, contextPool),
    contextPool,
  });
  if (options.contextPool !== undefined) return sizesOf(Math.min(options.contextPool, slots * longest));
  const usual = slots * (contextSize ?? Math.min(trained, usualContext));
  const pool = longestContext(usual, (size) => fits(sizesOf(size).contextSize, size));
  // A job of the configured size must fit; otherwise the user gets an error rather than a shorter context.
  if (contextSize !== undefined) return sizesOf(Math.max(contextSize, pool ?? 0));
  return pool === undefined ? undefined : sizesOf(pool);
}

/** All slots have the same size. A configured pool limits their sum. */
function separateContexts(options: ContextDefaultsOptions): ContextSizes | undefined {
  const { trained, slots, contextSize, contextPool, fits } = options;
  const sizesOf = (size: number): ContextSizes => ({ contextSize: size, contextPool: slots * size });
  const longest = contextSize ?? trained;
  if (contextPool !== undefined) return sizesOf(Math.max(1, Math.min(longest, Math.floor(contextPool / slots))));
  if (contextSize !== undefined) return sizesOf(contextSize);
  const size = longestContext(Math.min(trained, usualContext), (each) => fits(each, slots * each));
  return size === undefined ? undefined : sizesOf(size);
}

/** Maximum number of tokens of a text, for a model that embeds or ranks: it has no positions beyond the trained context, and reads one text at a time. */
export function textTokens({
  trained,
  contextSize = usualTextTokens,
  contextPool = Infinity,
}: Pick<ContextDefaultsOptions, "trained" | "contextSize" | "contextPool">): number {
  return Math.min(trained, contextSize, contextPool);
}
