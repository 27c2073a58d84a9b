// Defines what a slot's KV cache holds, and the snapshots of it.
import type { PictureCell } from "./pictures.ts";
import type { Token } from "./steps.ts";

/** An element of a prompt, and of what a slot holds. */
export type HeldEntry = Token | PictureCell;

/** What a slot's KV cache holds. The engine owns the list and changes it; a backend only reads it. */
export interface Held {
  /** Oldest first. */
  readonly entries: readonly HeldEntry[];
  /** The tokens among the entries, which samplers read. */
  readonly tokens: readonly Token[];
  /** The position that the model gives to the next entry. */
  readonly nextPosition: number;
}

/** A copy of a slot's KV cache, kept outside the context. */
export interface KvSnapshot {
  readonly id: string;
  /** What a slot holds after it has loaded the snapshot. */
  readonly entries: readonly HeldEntry[];
  /** Only jobs of this cache scope may use the entries. */
  readonly cacheScope: string;
  readonly bytes: number;
}

/** KV snapshots, which outlive the slot's next job and the engine. Called between steps only. */
export interface KvSnapshots {
  /** Snapshots of this model from an earlier engine, least recently used first. Their contents are not checked yet. */
  readonly found: readonly KvSnapshot[];
  /**
   * Saves the slot's cache; the slot does not change.
   * @param tokens number of entries, from the first, that the snapshot offers
   * @throws Error when the cache cannot be saved, for example because the disk is full; no file remains then
   */
  save(slot: number, held: Held, tokens: number, cacheScope: string): Promise<KvSnapshot>;
  /**
   * Replaces the cache of a slot without work. Returns false when the snapshot is missing or damaged: the snapshot is then
   * removed, and the slot is empty.
   */
  load(slot: number, state: KvSnapshot): Promise<boolean>;
  remove(state: KvSnapshot): void;
}
