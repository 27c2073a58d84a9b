// Saves checkpoints of sequences with a recurrent state: this state cannot be cut back to an earlier token. A prompt that shares only its beginning
// with the last prompt continues from a checkpoint.
import type { LibraryCheckpoint, Library } from "./library-context.ts";

export interface Checkpoints {
  /**
   * Saves the sequence's state, unless the sequence has a checkpoint only a few tokens earlier. Only call it while no pass runs.
   * @param tokens number of tokens in the sequence
   */
  take(slot: number, tokens: number): Promise<void>;
  /**
   * Restores the sequence's last checkpoint with at most `most` tokens.
   * @returns number of tokens in the sequence; 0 if there is no checkpoint and the sequence is unchanged
   */
  restore(slot: number, most: number): Promise<number>;
  /** Drops checkpoints with more than `kept` tokens. Call it when the sequence was cut to `kept` tokens. */
  forget(slot: number, kept: number): void;
}

interface Taken {
  readonly slot: number;
  readonly tokens: number;
  readonly checkpoint: LibraryCheckpoint;
}

/** Fewest tokens between two checkpoints of a slot: computing this many tokens again costs little. */
const leastTokens = 32;
const mostOfSlot = 8;
/** Limit for the checkpoints of all slots together. A state of a large model takes tens of megabytes. */
const mostBytes = 512 * 2 ** 20;

export function createCheckpoints({ context, createCheckpoint }: Library): Checkpoints {
  /** Oldest first. The checkpoints of a slot are in ascending order of `tokens`. */
  let all: Taken[] = [];

  function drop(dropped: readonly Taken[]): void {
    for (const { checkpoint } of dropped) checkpoint.dispose();
    all = all.filter((taken) => !dropped.includes(taken));
  }

  /** Finds the checkpoint whose removal leaves the smallest gap, so that the remaining checkpoints stay spread over the slot's tokens. */
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
