// Owns the checkpoints of sequences whose memory cannot be cut: a recurrent state is that of its last token alone, so what it was at earlier ones is kept
// aside, for a prompt that shares only its beginning with the last one.
import type { DirectCheckpoint, DirectLibrary } from "./library-context.ts";

export interface Checkpoints {
  /** The sequence holds so many tokens now, and nothing of it is computed. Does nothing where an earlier checkpoint is near. */
  take(slot: number, tokens: number): Promise<void>;
  /** Takes the sequence back to at most so many tokens. @returns how many it holds then; 0: there is no checkpoint, and nothing has changed */
  restore(slot: number, most: number): Promise<number>;
  /** The sequence holds so many tokens of what it held, and will hold others. */
  forget(slot: number, kept: number): void;
}

interface Taken {
  readonly slot: number;
  readonly tokens: number;
  readonly checkpoint: DirectCheckpoint;
}

/** Between two of a slot: computing so many tokens again is nothing. */
const leastTokens = 32;
const mostOfSlot = 8;
/** Of all slots together. A large model's state has tens of megabytes. */
const mostBytes = 512 * 2 ** 20;

export function createCheckpoints({ context, createCheckpoint }: DirectLibrary): Checkpoints {
  /** The oldest first; of a slot in ascending order of their tokens. */
  let all: Taken[] = [];

  function drop(going: readonly Taken[]): void {
    for (const { checkpoint } of going) checkpoint.dispose();
    all = all.filter((taken) => !going.includes(taken));
  }

  /** The one without which the gap is smallest: what is left is spread over all that the slot holds. */
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
