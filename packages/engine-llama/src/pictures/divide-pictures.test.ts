import { deferred } from "@waggle/async";
import { freePieces, type Pieces, type Picture, type PictureChunk, type Token } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import { expect, test, vi } from "vitest";
import { createChunkEntries } from "../slots/chunk-entries.ts";
import { createDividePictures } from "./divide-pictures.ts";
import type { NativePart, NativeProjector, Projector } from "./projector.ts";

const picture = (sha256: string): Picture => ({ sha256, bytes: new Uint8Array([1]) });

interface Options {
  readonly side?: number;
  readonly causal?: boolean;
  readonly cells?: number;
  readonly chunkPixels?: number;
  /** Resolves when the requested passes have ended; at once by default. */
  readonly settled?: () => Promise<void>;
}

/** A projector that makes two chunks of a picture, with tokens around them. The picture's side is in pixels. */
function divideWith({ side = 10, causal = true, cells = 6, chunkPixels = 0, settled = async () => {} }: Options = {}) {
  let chunks = 0;
  const divide = vi.fn((_rgb: Uint8Array, _width: number, _height: number): Promise<readonly NativePart[]> => {
    const chunk = (): NativePart => ({ chunk: (chunks += 1), cells, positions: 3, causal });
    return Promise.resolve([{ tokens: Int32Array.of(7) }, chunk(), { tokens: Int32Array.of(8, 9) }, chunk()]);
  });
  const drop = vi.fn();
  const decode = vi.fn((bytes: Uint8Array, { name }: { readonly name: string }) =>
    bytes.length > 0
      ? Promise.resolve({ width: side, height: side, rgb: new Uint8Array(3 * side * side) })
      : Promise.reject(new WaggleError("invalid_argument", `Cannot read ${name}: it is empty.`)),
  );
  const native = { divide, drop } as unknown as NativeProjector;
  const projector: Projector = {
    native,
    name: "eye",
    bytes: 1,
    width: 4,
    maxPixels: 1_000,
    mostKeptBytes: 1,
    pixelsOf: () => chunkPixels,
    fingerprint: "f",
  };
  const decoder = { decode, dispose: () => Promise.resolve() };
  return {
    divide,
    decode,
    drop,
    pictures: createDividePictures({
      projector,
      decoder,
      batchSize: 8,
      passes: { settled },
      entryOf: createChunkEntries(),
    }),
  };
}

const chunksIn = (parts: readonly (Token | PictureChunk)[]): PictureChunk[] =>
  parts.filter((part) => typeof part === "object");

test("a picture is decoded when the requested passes have ended, because they use all threads", async () => {
  const passes = deferred<void>();
  const { pictures, decode } = divideWith({ settled: () => passes.promise });
  const parts = pictures.divide(picture("a"), 0, freePieces);
  expect([pictures.dividing, decode.mock.calls.length]).toEqual([true, 0]);
  passes.resolve();
  await parts;
  expect([pictures.dividing, decode.mock.calls.length]).toEqual([false, 1]);
});

test("a picture becomes its tokens and its chunks, each with a number", async () => {
  const { pictures } = divideWith();
  const parts = await pictures.divide(picture("a"), 2, freePieces);
  const [first, second] = chunksIn(parts);
  expect(parts).toEqual([7, first, 8, 9, second]);
  expect(first).toMatchObject({ picture: 2, cells: 6, positions: 3, causal: true });
  expect([first?.entry, second?.entry]).toEqual([-1, -2]);
  expect(first?.id).not.toBe(second?.id);
  expect(chunksIn(await pictures.divide(picture("b"), 2, freePieces))[0]?.id).not.toBe(first?.id);
});

test("a picture that was read before is not decoded again, also under another index", async () => {
  const { pictures, decode } = divideWith();
  const [before] = chunksIn(await pictures.divide(picture("a"), 0, freePieces));
  const [after] = chunksIn(await pictures.divide(picture("a"), 3, freePieces));
  expect(decode).toHaveBeenCalledTimes(1);
  expect(after).toEqual({ ...before, picture: 3 });
});

test("a picture that several jobs need at once is decoded once", async () => {
  const { pictures, decode } = divideWith();
  let last: Promise<unknown> = Promise.resolve();
  const oneAtATime: Pieces = {
    ...freePieces,
    run: <T>(_: string, work: () => Promise<T>) => {
      const next = last.then(work);
      last = next;
      return next;
    },
  };
  await Promise.all([pictures.divide(picture("a"), 0, oneAtATime), pictures.divide(picture("a"), 0, oneAtATime)]);
  expect(decode).toHaveBeenCalledTimes(1);
});

test.each([
  ["large pictures", { side: 2_000 }],
  ["small pictures that the encoder scales up", { side: 64, chunkPixels: 2_000_000 }],
])("pixels of %s beyond the limit are dropped, and the picture is decoded again for its encoding", async (_, sizes) => {
  // Two such pictures have more pixels than are kept.
  const { pictures, decode, drop } = divideWith(sizes);
  const [chunk] = chunksIn(await pictures.divide(picture("a"), 0, freePieces));
  if (chunk === undefined) expect.fail("The picture has no chunk");
  expect(await pictures.nativeOf(chunk, picture("a"), freePieces)).toMatchObject({ chunk: 1 });
  await pictures.divide(picture("b"), 0, freePieces);
  expect(drop.mock.calls).toEqual([[1], [2]]);
  expect(await pictures.nativeOf(chunk, picture("a"), freePieces)).toMatchObject({ chunk: 5 });
  expect(decode).toHaveBeenCalledTimes(3);
});

test("a file that is no picture is refused, and may be sent again", async () => {
  const { pictures } = divideWith();
  const broken = { sha256: "a", bytes: new Uint8Array() };
  await expect(pictures.divide(broken, 1, freePieces)).rejects.toThrow("Cannot read picture 2: it is empty.");
  await expect(pictures.divide(picture("a"), 1, freePieces)).resolves.toHaveLength(5);
});

test("a picture that mtmd cannot divide is refused with mtmd's reason", async () => {
  const { pictures, divide } = divideWith();
  divide.mockRejectedValueOnce(new Error("mtmd_tokenize_from_parts: error: resize target 9x0 is out of range"));
  await expect(pictures.divide(picture("a"), 0, freePieces)).rejects.toThrow(
    "Cannot read picture 1: resize target 9x0 is out of range.",
  );
});

test("a chunk that cannot be divided must fit into a step", async () => {
  const { pictures } = divideWith({ causal: false, cells: 9 });
  await expect(pictures.divide(picture("a"), 0, freePieces)).rejects.toThrow(
    "Cannot read picture 1: its 9 tokens must fit into one step, which has room for 8. Restart with --batch-size 9.",
  );
  await expect(
    divideWith({ causal: true, cells: 9 }).pictures.divide(picture("a"), 0, freePieces),
  ).resolves.toHaveLength(5);
  await expect(
    divideWith({ causal: false, cells: 8 }).pictures.divide(picture("a"), 0, freePieces),
  ).resolves.toHaveLength(5);
});
