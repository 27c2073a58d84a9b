// Defines what a slot's KV cache holds, and the snapshots of it.
import type { PictureChunk } from "./pictures.ts";

/** A token, or a cell of a picture: the negative number of its chunk, the same for each of the chunk's cells. */
export type HeldEntry = number;

/** A chunk among entries, and the index of its first cell. */
export interface PromptChunk {
  readonly at: number;
  readonly chunk: PictureChunk;
}

/** The elements of a prompt, or of what a slot holds. */
export interface Entries {
  /** Oldest first. */
  readonly entries: readonly HeldEntry[];
  /** The chunks that the cells among the entries are of, in the same order. The last chunk may lack its last cells. */
  readonly chunks: readonly PromptChunk[];
}

/** What a slot's KV cache holds. The engine owns the lists and changes them; a backend only reads them. */
export interface Held extends Entries {
  /** The position that the model gives to the next entry. */
  readonly nextPosition: number;
}

/** A copy of a slot's KV cache, kept outside the context. The entries are what a slot holds after it has loaded the snapshot. */
export interface KvSnapshot extends Entries {
  readonly id: string;
  /** Only jobs of this cache scope may use the entries. */
  readonly cacheScope: string;
  readonly bytes: number;
}

/** KV snapshots, which outlive the slot's next job and the engine. Called between steps only. */
export interface KvSnapshots {
  /** Snapshots of this model from an earlier engine, least recently used first. Their contents are not checked yet. */
  readonly found: readonly KvSnapshot[];
  /** The expected size of a snapshot with this many tokens. */
  bytesOf(tokens: number): number;
  /**
   * Saves the slot's cache; the slot does not change.
   * @param tokens number of entries, from the first, that the snapshot offers
   * @throws Error when the cache cannot be saved, for example because the disk is full; no file remains then
   */
  save(slot: number, held: Held, tokens: number, cacheScope: string): Promise<KvSnapshot>;
  /** Replaces the cache of a slot without work. Returns false when the snapshot is missing or damaged: the snapshot is then removed, and the slot is empty. */
  load(slot: number, state: KvSnapshot): Promise<boolean>;
  remove(state: KvSnapshot): void;
}
