// Divides pictures into tokens and chunks: decodes a file to pixels on a thread that can be killed, and has mtmd divide the pixels. Remembers how
// pictures were divided, so that a picture of an earlier turn is not decoded again.
import type { Picture, PictureChunk, Pieces, Token } from "@waggle/engine";
import type { PictureDecoder } from "@waggle/pictures";
import { WaggleError } from "@waggle/protocol";
import type { Passes } from "../passes/passes.ts";
import type { EntryOfChunk } from "../slots/chunk-entries.ts";
import type { NativeChunk, Projector } from "./projector.ts";

/** Limit for the remembered pictures. */
const mostLayouts = 256;
/** Limit for the pixels of divided pictures, which wait for their encoding. Without them, a picture is decoded again. */
const mostPixelBytes = 64 * 2 ** 20;
/** mtmd keeps three floats for each pixel. */
const bytesPerPixel = 12;

export interface DividePicturesOptions {
  readonly projector: Projector;
  readonly decoder: PictureDecoder;
  /** Maximum number of cells of a chunk that cannot be divided. */
  readonly batchSize: number;
  readonly passes: Pick<Passes, "settled">;
  readonly entryOf: EntryOfChunk;
}

export interface DividePictures {
  /** Whether a picture is being decoded or divided. */
  readonly dividing: boolean;
  /**
   * Returns the tokens and chunks of a picture.
   * @param index of the picture among those of the work
   * @throws WaggleError invalid_argument if the picture cannot be read
   */
  divide(picture: Picture, index: number, pieces: Pieces): Promise<readonly (Token | PictureChunk)[]>;
  /** Returns the chunk for its encoding. @throws WaggleError invalid_argument if the picture cannot be read */
  nativeOf(chunk: PictureChunk, picture: Picture, pieces: Pieces): Promise<NativeChunk>;
}

type LayoutPart = Token | Omit<PictureChunk, "picture">;
type Layout = readonly LayoutPart[];

interface Divided {
  readonly layout: Layout;
  /** The chunks of the layout, by id. */
  readonly natives: ReadonlyMap<string, NativeChunk>;
  readonly bytes: number;
}

export function createDividePictures(options: DividePicturesOptions): DividePictures {
  const { decoder, batchSize, passes, entryOf } = options;
  const { native, fingerprint, maxPixels, pixelsOf } = options.projector;
  /** How pictures were divided, by SHA-256, least recently used first. */
  const layouts = new Map<string, Layout>();
  /** Pictures with their pixels, by SHA-256, oldest first. */
  const kept = new Map<string, Divided>();
  let dividing = 0;

  /** Divides pictures one at a time, which bounds the memory for their pixels. @param known finds the result of another job */
  async function inTurn<T>(pieces: Pieces, known: () => T | undefined, divideNow: () => Promise<T>): Promise<T> {
    const piece = async (): Promise<T> => {
      dividing += 1;
      try {
        return known() ?? (await divideNow());
      } finally {
        dividing -= 1;
      }
    };
    return known() ?? (await pieces.run("picture", piece));
  }

  async function divide({ sha256, bytes }: Picture, index: number, signal: AbortSignal | undefined): Promise<Divided> {
    const name = `picture ${index + 1}`;
    // Requested passes use all threads and would be slow next to the decoder, so they end first. Later passes leave a thread to the decoder.
    await passes.settled();
    const { rgb, width, height } = await decoder.decode(bytes, { name, maxPixels, signal });
    const parts = await native.divide(rgb, width, height).catch((error: unknown) => {
      throw new WaggleError("invalid_argument", `Cannot read ${name}: ${mtmdReason(error)}.`);
    });
    const natives = new Map<string, NativeChunk>();
    const layout = parts.flatMap((part, i): readonly LayoutPart[] => {
      if ("tokens" in part) return [...part.tokens];
      const { cells, positions, causal } = part;
      const id = `${sha256}-${fingerprint}-${i}`;
      natives.set(id, part);
      return [{ id, entry: entryOf(id), cells, positions, causal }];
    });
    const chunkPixels = [...natives.values()].reduce((sum, { cells }) => sum + pixelsOf(cells), 0);
    const result = { layout, natives, bytes: Math.max(width * height, chunkPixels) * bytesPerPixel };
    remember(sha256, layout);
    keep(sha256, result);
    return result;
  }

  function remember(sha256: string, layout: Layout): void {
    layouts.delete(sha256);
    layouts.set(sha256, layout);
    for (const oldest of layouts.keys()) {
      if (layouts.size <= mostLayouts) return;
      layouts.delete(oldest);
    }
  }

  function keep(sha256: string, picture: Divided): void {
    kept.set(sha256, picture);
    let bytes = [...kept.values()].reduce((sum, each) => sum + each.bytes, 0);
    for (const [oldest, { natives, bytes: freed }] of kept) {
      if (bytes <= mostPixelBytes || oldest === sha256) return;
      kept.delete(oldest);
      for (const { chunk } of natives.values()) native.drop(chunk);
      bytes -= freed;
    }
  }

  return {
    get dividing() {
      return dividing > 0;
    },
    async divide(picture, index, pieces) {
      const known = (): Layout | undefined => layouts.get(picture.sha256);
      const layout = await inTurn(pieces, known, async () => (await divide(picture, index, pieces.signal)).layout);
      remember(picture.sha256, layout);
      return layout.map((part) => {
        if (typeof part === "number") return part;
        checkCells(part, index, batchSize);
        return { ...part, picture: index };
      });
    },
    async nativeOf(chunk, picture, pieces) {
      const known = (): Divided | undefined => kept.get(picture.sha256);
      const { natives } = await inTurn(pieces, known, () => divide(picture, chunk.picture, pieces.signal));
      const part = natives.get(chunk.id);
      if (part === undefined) throw new Error(`Picture ${chunk.picture + 1} has no chunk ${chunk.id}`);
      return part;
    },
  };
}

/** mtmd's message without the name of its function. */
function mtmdReason(error: unknown): string {
  return (error as Error).message.replace(/^\w+: (?:error: )?/, "");
}

function checkCells({ causal, cells }: Exclude<LayoutPart, Token>, index: number, batchSize: number): void {
  if (causal || cells <= batchSize) return;
  const why = `its ${cells} tokens must fit into one step, which has room for ${batchSize}`;
  throw new WaggleError(
    "invalid_argument",
    `Cannot read picture ${index + 1}: ${why}. Restart with --batch-size ${cells}.`,
  );
}
