// Loads a projector with the addon for pictures: llama.cpp's mtmd on the model that node-llama-cpp has loaded.
import { statSync } from "node:fs";
import { basename } from "node:path";
import { projectorCardOf, readGgufFile } from "@waggle/models/header";
import { chunkPixels, pictureMemory } from "@waggle/models/memory";
import type { FlashAttention } from "@waggle/protocol";
import type { LlamaModel } from "node-llama-cpp";
import { loadAddon, type Versioned } from "../passes/addon.ts";
import type { Addon } from "../passes/addon-decoder.ts";
import { nativeModelOf } from "../passes/library-context.ts";
import { modelFingerprint } from "../slots/model-fingerprint.ts";

/** What `native/mtmd/addon.cc` exports. */
export interface MtmdAddon extends Versioned {
  /** @param model the library's `AddonModel` */
  readonly Projector: new (model: object) => NativeProjector;
}

/** Everything but `encode` may be called at any time. Promises are settled by threads that are not libuv's. */
export interface NativeProjector {
  load(path: string, useGpu: boolean, flashAttention: FlashAttention): Promise<NativeFacts>;
  /** Divides a picture into what the model reads one after the other. @param rgb three bytes for each pixel */
  divide(rgb: Uint8Array, width: number, height: number): Promise<readonly NativePart[]>;
  /** One at a time. @returns the embeddings of all cells, one after the other; undefined if it was stopped */
  encode(chunk: number, threads: number): Promise<Float32Array | undefined>;
  /** Changes the threads of the encoding that runs. */
  setThreads(threads: number): void;
  /** Ends the encoding that runs, soon. */
  stop(): void;
  /** Frees a chunk. */
  drop(chunk: number): void;
  /** Frees the projector as soon as nothing computes. */
  free(): void;
}

interface NativeFacts {
  /** Number of floats of a cell. */
  readonly width: number;
  readonly vision: boolean;
  /** Whether the cells of a picture depend on where in the prompt it is. */
  readonly dependsOnPlace: boolean;
}

export type NativePart = NativeText | NativeChunk;

/** Tokens between, before or after chunks. */
export interface NativeText {
  readonly tokens: Int32Array;
}

export interface NativeChunk {
  /** Names the chunk until it is dropped. */
  readonly chunk: number;
  readonly cells: number;
  readonly positions: number;
  readonly causal: boolean;
  /** With M-RoPE, the positions of the cells in four dimensions, one dimension after the other, counted from the chunk's position. */
  readonly places?: Int32Array;
}

export interface ProjectorOptions {
  readonly path: string;
  /** Maximum number of pixels of a picture; a larger one is scaled down. */
  readonly maxPixels: number;
}

export interface ProjectorModel {
  readonly model: LlamaModel;
  /** The addon that decodes; undefined if the library's own binding does. */
  readonly addon: Addon | undefined;
  readonly flashAttention?: FlashAttention | undefined;
}

export interface Projector {
  readonly native: Omit<NativeProjector, "load">;
  readonly name: string;
  readonly bytes: number;
  /** Number of floats of a cell. */
  readonly width: number;
  readonly maxPixels: number;
  /** Maximum number of bytes of embeddings that are kept although no slot needs them now. */
  readonly mostKeptBytes: number;
  /** Pixels that a chunk with so many cells holds. */
  readonly pixelsOf: (cells: number) => number;
  /** The same only for the same file and the same number of pixels. */
  readonly fingerprint: string;
}

/** @throws Error with the reason, as the end of a sentence */
export async function openProjector(
  { path, maxPixels }: ProjectorOptions,
  { model, addon: first, flashAttention = "auto" }: ProjectorModel,
): Promise<Projector> {
  if (first === undefined) throw new Error("pictures need Waggle's addon, which is not in use here");
  const inside = nativeModelOf(model);
  first.shareLibraries(inside);
  const { addon, problem } = await loadAddon<MtmdAddon>("waggle-mtmd");
  if (addon === undefined) throw new Error(`Waggle's addon for pictures cannot be used: ${problem}`);
  const card = projectorCardOf(await readGgufFile(path));
  const native = new addon.Projector(inside);
  const facts = await native.load(path, model.gpuLayers > 0, flashAttention);
  const unusableReason = (): string | undefined => {
    if (!facts.vision) return "it encodes no pictures";
    return facts.dependsOnPlace
      ? "its pictures depend on their place in the prompt, which is not supported"
      : undefined;
  };
  const unusable = unusableReason();
  if (unusable !== undefined) {
    native.free();
    throw new Error(unusable);
  }
  return {
    native,
    name: card.name ?? basename(path),
    bytes: statSync(path).size,
    width: facts.width,
    maxPixels,
    mostKeptBytes: pictureMemory({ projector: card, maxPixels }).embeddings,
    pixelsOf: (cells) => chunkPixels(card, cells),
    fingerprint: modelFingerprint(path, [String(maxPixels)]),
  };
}
