// Saves checkpoints of sequences whose memory cannot be cut. A recurrent state is only that of its last token, so states
// at earlier tokens are saved for a prompt that shares only its beginning with the last one.
import type { DirectCheckpoint, DirectLibrary } from "./library-context.ts";

export interface Checkpoints {
  /**
   * Saves the state of the sequence, which holds this many tokens; only while no pass runs. Does nothing where an earlier
   * checkpoint is near.
   */
  take(slot: number, tokens: number): Promise<void>;
  /**
   * Takes the sequence back to at most this many tokens.
   * @returns its number of tokens afterwards; 0: there is no checkpoint, and the sequence is unchanged
   */
  restore(slot: number, most: number): Promise<number>;
  /** Drops the checkpoints beyond this many tokens, which are all that the sequence keeps. */
  forget(slot: number, kept: number): void;
}

interface Taken {
  readonly slot: number;
  readonly tokens: number;
  readonly checkpoint: DirectCheckpoint;
}

/** Least tokens between two checkpoints of a slot: computing this many tokens again costs little. */
const leastTokens = 32;
const mostOfSlot = 8;
/** Most bytes of the checkpoints of all slots. One state of a large model takes tens of megabytes. */
const mostBytes = 512 * 2 ** 20;

export function createCheckpoints({ context, createCheckpoint }: DirectLibrary): Checkpoints {
  /** The oldest first; of a slot in ascending order of their tokens. */
  let all: Taken[] = [];

  function drop(going: readonly Taken[]): void {
    for (const { checkpoint } of going) checkpoint.dispose();
    all = all.filter((taken) => !going.includes(taken));
  }

  /** The checkpoint whose removal leaves the smallest gap, so that the others stay spread over the slot's tokens. */
  function leastMissed(own: readonly Taken[]): readonly Taken[] {
    const gapWithout = (i: number): number => (own[i + 1]?.tokens ?? Infinity) - (own[i - 1]?.tokens ?? 0);
    const gaps = own.map((_, i) => gapWithout(i));
    return own.filter((_, i) => i === gaps.indexOf(Math.min(...gaps)));
  }

  return {
    async take(slot, tokens) {
      const own = all.filter((taken) => taken.slot === slot);
      if (tokens - (own.at(-1)?.tokens ?? 0) < leastTokens) return;
      const checkpoint = createCheckpoint();
      await checkpoint.init(context, slot);
      const taken = { slot, tokens, checkpoint };
      all.push(taken);
      if (own.length >= mostOfSlot) drop(leastMissed([...own, taken]));
      let bytes = all.reduce((sum, each) => sum + each.checkpoint.size, 0);
      for (const oldest of [...all]) {
        if (bytes <= mostBytes) break;
        bytes -= oldest.checkpoint.size;
        drop([oldest]);
      }
    },

    async restore(slot, most) {
      const found = all.findLast((taken) => taken.slot === slot && taken.tokens <= most);
      if (found === undefined || !(await context.restoreCheckpoint(found.checkpoint, found.tokens - 1, slot))) return 0;
      return found.tokens;
    },

    forget: (slot, kept) => drop(all.filter((taken) => taken.slot === slot && taken.tokens > kept)),
  };
}
