// Follows the jobs in the slots for guessing, and gives the decoding slots their guesses where that makes the answers faster.
import type { Load, Pacing } from "../costs/pacing.ts";
import type { DecodingStep, Guesses } from "../guesses/guesses.ts";
import type { Backend, Token } from "../port/backend.ts";
import { tokensOf } from "../port/entries.ts";
import { usedCells } from "./cells.ts";
import { contextCapacity } from "./context-shift.ts";
import type { Sequence } from "../sequence/sequence.ts";
import type { Slot } from "./slots.ts";

export interface SlotGuessesOptions {
  readonly backend: Pick<Backend, "info" | "generator">;
  readonly slots: readonly Slot[];
  readonly guesses: Guesses;
  readonly pacing: Pick<Pacing, "guessMs">;
}

export interface SlotGuesses {
  /** @param decoding all slots that decode in the next step @returns equally many guesses for each; undefined if none pays */
  next(decoding: readonly Slot[], load: Load): ReadonlyMap<number, readonly Token[]> | undefined;
}

interface Followed {
  readonly sequence: Sequence;
  /** Number of the job's tokens that were seen. */
  seen: number;
}

export function createSlotGuesses({ backend, slots, guesses, pacing }: SlotGuessesOptions): SlotGuesses {
  const { generator, info } = backend;
  const capacity = contextCapacity(info.contextSize);
  /** The jobs that are followed, by slot. */
  const followed = new Map<number, Followed>();

  /** Tells `guesses` which jobs have ended and begun, and which tokens were sampled. */
  function follow(): void {
    for (const slot of slots) {
      const { id, sequence } = slot;
      let job = followed.get(id);
      if (job !== undefined && job.sequence !== sequence) {
        // The tokens of the job's last step are part of its answer, too.
        pushNew(id, job);
        guesses.end(id);
        followed.delete(id);
        job = undefined;
      }
      if (sequence === undefined || slot.state !== "decoding" || !mayGuessFor(slot)) continue;
      if (job === undefined) {
        const prompt = tokensOf(slot.prompt.slice(0, slot.promptTokens));
        guesses.begin(id, { prompt, output: sequence.ids, scope: slot.prepared?.job.guessScope });
        followed.set(id, { sequence, seen: sequence.ids.length });
        continue;
      }
      pushNew(id, job);
    }
  }

  function pushNew(id: number, job: Followed): void {
    const { ids } = job.sequence;
    for (const token of ids.slice(job.seen)) guesses.push(id, token);
    job.seen = ids.length;
  }

  function stepOf(decoding: readonly Slot[], load: Load): DecodingStep {
    // Each slot gets as many guesses as the others, so all must have room.
    const room = Math.floor(Math.min(info.batchSize, info.contextPool - usedCells(slots)) / decoding.length) - 1;
    return {
      slots: decoding.map((slot) => {
        const { id, sequence, held } = slot;
        const most =
          sequence === undefined || sequence.forced !== undefined || !mayGuessFor(slot) ? 0 : sequence.tokensUnseen - 1;
        return { slot: id, most: Math.min(most, room, capacity - held.entries.length - 1) };
      }),
      stepMs: (height) => pacing.guessMs(load, height),
    };
  }

  return {
    next(decoding, load) {
      if (generator?.takesGuesses !== true) return undefined;
      follow();
      // A prompt makes better use of the time.
      if (decoding.length === 0 || load.promptHeld !== undefined) return undefined;
      return guesses.plan(stepOf(decoding, load));
    },
  };
}

/** Whether the job's tokens may be guessed: not with settings that sample from all that the slot holds, or that cut it. */
function mayGuessFor({ prepared }: Slot): boolean {
  if (prepared === undefined) return false;
  const { job, sampling } = prepared;
  const { guesses = true, contextShift = false } = job.work;
  return guesses && !contextShift && sampling.fillIn !== true && sampling.dry_multiplier === 0;
}
