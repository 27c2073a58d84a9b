// Opens what a model needs to read pictures: its projector, the decoder of picture files, and the encoder.
import { basename } from "node:path";
import type { Scope } from "@waggle/async";
import type { OpenedFile, PictureEncoder, ProjectorInfo } from "@waggle/engine";
import { createPictureDecoder } from "@waggle/pictures";
import { WaggleError } from "@waggle/protocol";
import type { Passes } from "../passes/passes.ts";
import type { ReadPicture } from "../text/prompt.ts";
import type { EntryOfChunk } from "../slots/chunk-entries.ts";
import { createDividePictures } from "./divide-pictures.ts";
import { createEncoder } from "./encoder.ts";
import { openProjector, type Projector, type ProjectorModel, type ProjectorOptions } from "./projector.ts";

/** Called before llama.cpp opens a projector or an adapter or encodes a first picture, at which it may crash, and with undefined afterwards. */
export type OnOpening = (file: OpenedFile | undefined) => void;

export interface ProjectorSettings extends ProjectorOptions {
  /** The load fails if the projector cannot be used. Otherwise the model is loaded without it, and a warning is logged. */
  readonly isRequired: boolean;
  /** Why it cannot be used, known before it is opened. */
  readonly problem?: string | undefined;
}

export interface OpenPicturesOptions extends ProjectorModel {
  readonly settings: ProjectorSettings | undefined;
  readonly passes: Pick<Passes, "feed" | "settled">;
  /** Maximum number of tokens of a step. */
  readonly batchSize: number;
  readonly entryOf: EntryOfChunk;
  /** Frees everything when it closes. */
  readonly scope: Scope;
  readonly log?: ((level: "warn", message: string) => void) | undefined;
  readonly onOpening?: OnOpening | undefined;
}

export interface Pictures {
  readonly info: ProjectorInfo;
  readonly encoder: PictureEncoder;
  readonly read: ReadPicture;
}

/** A PNG of one pixel. The decoder decodes it at load: its start takes all cores for a while, which streams would notice. */
const onePixel = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==",
  "base64",
);

/** @returns why the projector is not used, or undefined without a projector. @throws WaggleError unavailable if a required projector cannot be used */
export async function openPictures(options: OpenPicturesOptions): Promise<Pictures | string | undefined> {
  const { settings, passes, scope, batchSize, entryOf, onOpening } = options;
  if (settings === undefined) return undefined;
  const opened = await openUsable(settings, options);
  if (typeof opened === "string") return opened;
  if (passes.feed === undefined) return undefined;
  const projector = reportFirstUse(opened, (kind) => onOpening?.(kind && { kind, path: settings.path }));
  const decoder = createPictureDecoder();
  scope.defer(async () => await decoder.dispose());
  // A decoder that fails is started again for the first picture, which then has the error.
  await decoder.decode(onePixel, { name: "one pixel", maxPixels: 1 }).catch(() => {});
  const pictures = createDividePictures({ projector, decoder, batchSize, passes, entryOf });
  const encoder = createEncoder({ projector, pictures, feed: passes.feed });
  scope.defer(async () => await encoder.close());
  const { name, bytes, maxPixels } = projector;
  return { info: { projector: name, bytes, maxPixels }, encoder, read: pictures.divide };
}

/** A file that llama.cpp could open may still crash it at the first picture. */
function reportFirstUse(opened: Projector, report: (kind: OpenedFile["kind"] | undefined) => void): Projector {
  const { native } = opened;
  const seen = new Set<string>();
  async function use<T>(kind: OpenedFile["kind"], run: () => Promise<T>): Promise<T> {
    if (seen.has(kind)) return await run();
    seen.add(kind);
    report(kind);
    return await run().finally(() => report(undefined));
  }
  return {
    ...opened,
    native: {
      divide: async (...args) => await use("projector", () => native.divide(...args)),
      encode: async (...args) => await use("picture", () => native.encode(...args)),
      setThreads: (threads) => native.setThreads(threads),
      stop: () => native.stop(),
      drop: (chunk) => native.drop(chunk),
      free: () => native.free(),
    },
  };
}

async function openUsable(
  settings: ProjectorSettings,
  { log, onOpening, ...options }: OpenPicturesOptions,
): Promise<Projector | string> {
  try {
    if (settings.problem !== undefined) throw new Error(settings.problem);
    onOpening?.({ kind: "projector", path: settings.path });
    return await openProjector(settings, options);
  } catch (error) {
    const reason = (error as Error).message;
    if (settings.isRequired) {
      throw new WaggleError("unavailable", `Cannot load projector ${settings.path}: ${reason}.`, { cause: error });
    }
    log?.("warn", `Pictures are refused: cannot use the projector ${settings.path}: ${reason}`);
    return `${basename(settings.path)}: ${reason}`;
  } finally {
    onOpening?.(undefined);
  }
}
