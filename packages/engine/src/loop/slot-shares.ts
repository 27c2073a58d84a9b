// Applies the shares of the engine's time to the slots: which slots may compute in a round, and who pays for a pass.
import { ownerOf, type Owner, type Shares } from "../costs/shares.ts";
import type { Pacing } from "../costs/pacing.ts";
import { shapeOf } from "../costs/step-shape.ts";
import type { Backend, BatchEntry } from "../port/backend.ts";
import type { EngineJob } from "../port/messages.ts";
import { generatorOf } from "../sequence/prepare.ts";
import { countTokens } from "./schedule.ts";
import { preparedOf, type Slot } from "./slots.ts";

export interface SlotSharesOptions {
  readonly shares: Shares;
  readonly backend: Pick<Backend, "info" | "generator">;
  readonly slots: readonly Slot[];
  readonly pacing: Pick<Pacing, "stepMs" | "tokenMs">;
}

export interface SlotShares {
  /** Records whose work could be computed in this round. @param texts the jobs with texts that could */
  contend(atMs: number, ready: readonly Slot[], texts: readonly EngineJob[]): void;
  /** Whether the slot's job may compute now. */
  mayCompute(slot: Slot): boolean;
  /**
   * Returns a function that charges a pass with these entries to the jobs that the slots have now. Each pays in proportion to what its entries would cost
   * alone, so all gain alike from a step that they share.
   */
  payersOf(entries: readonly BatchEntry[]): (ms: number) => void;
}

export function createSlotShares({ shares, backend, slots, pacing }: SlotSharesOptions): SlotShares {
  /** The price of a context of prompt tokens; no limit before one was measured. */
  function creditMs(): number {
    const { contextSize } = backend.info;
    return (pacing.tokenMs(contextSize) ?? Infinity) * contextSize;
  }

  function priceOf(entries: readonly BatchEntry[]): number {
    return pacing.stepMs(shapeOf(entries, generatorOf(backend))) ?? countTokens(entries);
  }

  return {
    contend(atMs, ready, texts) {
      shares.contend(atMs, [...ready.map((slot) => preparedOf(slot).job), ...texts].map(ownerOf));
    },
    mayCompute: ({ prepared }) => prepared === undefined || !shares.waits(ownerOf(prepared.job)),
    payersOf(entries) {
      const parts = new Map<
        string,
        { readonly owner: Owner; readonly isPrompt: boolean; readonly entries: BatchEntry[] }
      >();
      for (const entry of entries) {
        const slot = slots[entry.slot];
        if (slot === undefined) continue;
        const owner = ownerOf(preparedOf(slot).job);
        const isPrompt = slot.state !== "decoding";
        const key = `${isPrompt}\n${owner.client}\n${owner.flow}`;
        const part = parts.get(key) ?? { owner, isPrompt, entries: [] };
        part.entries.push(entry);
        parts.set(key, part);
      }
      const own = [...parts.values()];
      const prices = own.length === 1 ? [1] : own.map((part) => priceOf(part.entries));
      const total = prices.reduce((sum, price) => sum + price, 0);
      return (ms) => {
        const uses = own.map(({ owner, isPrompt }, i) => {
          const usedMs = (ms * (prices[i] ?? 0)) / total;
          return { owner, promptMs: isPrompt ? usedMs : 0, otherMs: isPrompt ? 0 : usedMs };
        });
        shares.charge(uses, uses.some(({ promptMs }) => promptMs > 0) ? creditMs() : 0);
      };
    },
  };
}
