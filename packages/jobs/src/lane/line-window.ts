// Chooses the next line among the batches that run. Each model has a window: the lines that the queue has at a time. Clients take turns for its
// places, then the batches of a client. A batch's lines for loaded models come first, and then those for one other model after the other.
import { createHoldings } from "@waggle/async";
import type { LaneModel, Line } from "./lane-port.ts";

/** A batch with the lines that were read and wait for a place, in their order. The window changes `waiting`, `places` and `lastTurn`. */
export interface WaitingLines {
  readonly client: string;
  readonly waiting: Line[];
  places: number;
  lastTurn: number;
  /** Whether lines for this model wait for another try. */
  isHeld(model: string): boolean;
}

export interface PlacedLine<B extends WaitingLines> {
  readonly batch: B;
  readonly line: Line;
  readonly model: string;
}

export interface LineWindow<B extends WaitingLines> {
  /** Lines that have a place. */
  readonly places: number;
  /** Takes a line from its batch and gives it a place until `release`. @returns undefined if no line can have one */
  take(batches: Iterable<B>): PlacedLine<B> | undefined;
  release(placed: PlacedLine<B>): void;
  /** Whether the batch has a line that gets a place as soon as one is free. */
  canUse(batch: B): boolean;
}

/** One line runs, and the next one is prepared. */
const placesPerSlot = 2;

/** @param modelOf undefined while the line must wait for its model to be known */
export function createLineWindow<B extends WaitingLines>(
  modelOf: (line: Line, batch: B) => LaneModel | undefined,
): LineWindow<B> {
  const ofModel = createHoldings<PlacedLine<B>>();
  const ofClient = createHoldings<PlacedLine<B>>();
  let turn = 0;

  /** @param isFull whether the model has no free place */
  function nextOf(batch: B, isFull: (model: LaneModel) => boolean): PlacedLine<B> | undefined {
    let later: PlacedLine<B> | undefined;
    let mustDrain = false;
    const models = new Map<string | undefined, LaneModel | undefined>();
    for (const line of batch.waiting) {
      if (!models.has(line.model)) models.set(line.model, modelOf(line, batch));
      const model = models.get(line.model);
      if (model === undefined || batch.isHeld(model.name)) continue;
      const placed = { batch, line, model: model.name };
      if (isFull(model)) mustDrain = true;
      else if (model.isLoaded) return placed;
      else later ??= placed;
    }
    return mustDrain ? undefined : later;
  }

  /** Whether the first line goes before the second one. */
  function isBefore({ batch: a }: PlacedLine<B>, { batch: b }: PlacedLine<B>): boolean {
    const difference =
      ofClient.of(a.client).count - ofClient.of(b.client).count || a.places - b.places || a.lastTurn - b.lastTurn;
    return difference < 0;
  }

  return {
    get places() {
      return ofClient.count;
    },
    take(batches) {
      let best: PlacedLine<B> | undefined;
      for (const batch of batches) {
        const next = nextOf(batch, ({ name, slots }) => ofModel.of(name).count >= placesPerSlot * Math.max(1, slots));
        if (next !== undefined && (best === undefined || isBefore(next, best))) best = next;
      }
      if (best === undefined) return undefined;
      const { batch, line, model } = best;
      batch.waiting.splice(batch.waiting.indexOf(line), 1);
      batch.places += 1;
      batch.lastTurn = turn += 1;
      ofModel.set(model, best, 1);
      ofClient.set(batch.client, best, 1);
      return best;
    },
    release(placed) {
      placed.batch.places -= 1;
      ofModel.remove(placed);
      ofClient.remove(placed);
    },
    canUse: (batch) => nextOf(batch, () => false) !== undefined,
  };
}
