// Drives the slots of a backend without an engine, for tests of the port: keeps what each slot holds, as the engine does.
import { createHeld, type HeldList } from "../sequence/held.ts";
import type { Backend } from "../port/backend.ts";
import type { TextGenerator } from "../port/generator.ts";
import type { Held, KvSnapshot, KvSnapshots } from "../port/kv.ts";
import type { BatchEntry, EntryResult, SlotSampling, Token } from "../port/steps.ts";
import { generatorOf } from "../sequence/prepare.ts";

/** An entry without its position and the token to decode, which follow from the slot. */
export type DrivenEntry =
  | ({ readonly kind: "prefill" } & Omit<BatchEntry, "from">)
  | ({ readonly kind: "decode" } & Pick<BatchEntry, "slot" | "forced" | "drafts">);

/** The functions of the backend and its generator, without the parts of the calls that follow from the slots. */
export type DrivenBackend<B extends Backend = Backend> = Omit<B, "generator"> &
  Omit<TextGenerator, keyof DrivenSlots> &
  DrivenSlots;

export interface DrivenSlots {
  held(slot: number): Held;
  begin(slot: number, keep: number, sampling: SlotSampling, output?: readonly Token[]): Promise<number>;
  step(entries: readonly DrivenEntry[], underway?: () => void): Promise<readonly EntryResult[]>;
  end(slot: number): Promise<void>;
  cut(slot: number, keep: number): Promise<number>;
  /** Absent where the backend cannot copy slots. */
  readonly copy: ((from: number, to: number, keep: number) => Promise<void>) | undefined;
  readonly states:
    | (Omit<KvSnapshots, "save"> & {
        save(slot: number, tokens: readonly Token[], cacheScope: string): Promise<KvSnapshot>;
      })
    | undefined;
}

export function driveSlots<B extends Backend>(backend: B): DrivenBackend<B> {
  const generator = generatorOf(backend);
  const { copy, states } = generator;
  const lists = new Map<number, HeldList>();
  const lastTokens = new Map<number, Token>();

  function heldOf(slot: number): HeldList {
    const held = lists.get(slot) ?? createHeld();
    lists.set(slot, held);
    return held;
  }

  function drivenToBatch(entry: DrivenEntry): BatchEntry {
    const from = heldOf(entry.slot).nextPosition;
    if (entry.kind === "prefill") return { ...entry, from };
    return { ...entry, from, tokens: [lastTokens.get(entry.slot) ?? 0], sample: true };
  }

  function take({ slot, drafts = [] }: BatchEntry, result: EntryResult | undefined): void {
    if (result?.kind === "failed") heldOf(slot).cut(0);
    if (result?.kind !== "token") return;
    heldOf(slot).feed(drafts.slice(0, result.behind?.length ?? 0));
    lastTokens.set(slot, (result.behind?.at(-1) ?? result).token);
  }

  const slots: DrivenSlots = {
    held: heldOf,
    async begin(slot, keep, sampling, output) {
      const held = heldOf(slot);
      try {
        const kept = await generator.begin(slot, keep, sampling, held, output);
        held.cut(kept);
        return kept;
      } catch (error) {
        held.cut(0);
        throw error;
      }
    },
    async step(driven, underway) {
      const entries = driven.map(drivenToBatch);
      for (const { slot, tokens } of entries) heldOf(slot).feed(tokens);
      const results = await generator.step(entries, underway);
      for (const [i, entry] of entries.entries()) take(entry, results[i]);
      return results;
    },
    async end(slot) {
      await generator.end(slot);
    },
    async cut(slot, keep) {
      const held = heldOf(slot);
      const kept = await generator.cut(slot, keep, held);
      held.cut(kept);
      return kept;
    },
    copy:
      copy &&
      (async (from, to, keep) => {
        await copy(from, to, keep, heldOf(from));
        lists.set(to, createHeld(heldOf(from).entries.slice(0, keep), heldOf(from).chunks));
      }),
    states: states && {
      ...states,
      save: async (slot, tokens, cacheScope) => await states.save(slot, heldOf(slot), tokens.length, cacheScope),
      async load(slot, state) {
        const loaded = await states.load(slot, state);
        lists.set(slot, loaded ? createHeld(state.entries, state.chunks) : createHeld());
        return loaded;
      },
    },
  };
  return { ...backend, ...generator, ...slots };
}
