// Owns generating after a grammar at the library's speed: the library samples, the grammar is asked about that one token, and only where it
// refuses is the place computed again and sampled from raw logits. What a model says by itself is hardly ever refused.
import type { Token, TokenLogprobs } from "@waggle/engine";
import type { GrammarRun } from "./grammar-run.ts";

export interface Sampled {
  readonly token: Token;
  readonly logprobs?: TokenLogprobs;
}

/** What the library's generation and ours have in common. */
export interface Generation {
  /** Feeds the token sampled last, and samples another. @param forced taken instead of sampling */
  next(forced?: Token): Promise<IteratorResult<Sampled, void>>;
  return(): Promise<unknown>;
}

export interface CheckedGenerationOptions {
  readonly grammar: Pick<GrammarRun, "allows" | "accept">;
  /** The prompt's last tokens, still to be computed. */
  readonly tokens: readonly Token[];
  /** Samples after these tokens whatever the model says. @param begun how many generations of this job have begun before */
  readonly freely: (tokens: readonly Token[], begun: number) => Generation;
  /** Samples after these tokens what the grammar allows, and tells it. */
  readonly held: (tokens: readonly Token[], begun: number) => Generation;
  /** Takes the token that was computed last out of the cache again. */
  readonly takeBack: () => Promise<Token>;
}

/** Tokens that are held to the grammar after a refusal: twice as many each time, since each refusal costs a pass. */
const fewestHeld = 8;
const mostHeld = 512;

export function createCheckedGeneration(options: CheckedGenerationOptions): Generation {
  const { grammar, freely, held, takeBack } = options;
  let begun = 0;
  let current = freely(options.tokens, begun);
  let last: Token | undefined;
  /** Tokens still to be held; 0: the library samples. */
  let left = 0;
  let next = fewestHeld;

  async function change(to: typeof freely, tokens: readonly Token[]): Promise<void> {
    await current.return();
    begun += 1;
    current = to(tokens, begun);
  }

  async function sampleHeld(forced: Token | undefined): Promise<IteratorResult<Sampled, void>> {
    const result = await current.next(forced);
    left -= 1;
    last = result.value?.token;
    if (left === 0 && last !== undefined) await change(freely, [last]);
    return result;
  }

  return {
    async next(forced) {
      if (left > 0) return await sampleHeld(forced);
      const result = await current.next(forced);
      if (result.done === true) return result;
      const { token } = result.value;
      if (grammar.allows(token)) {
        grammar.accept(token);
        return result;
      }
      left = next;
      next = Math.min(2 * next, mostHeld);
      await change(held, [await takeBack()]);
      return await sampleHeld(undefined);
    },
    return: async () => await current.return(),
  };
}
