// Decodes real files on a real thread, and compares them with the pixels that other decoders give: samples/README.md says which.
import { readFileSync } from "node:fs";
import { IsolateError, type IsolateThreadEvents } from "@waggle/async";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  exif,
  exifSegment,
  gifFrame,
  gifHeader,
  join,
  pngChunk,
  riffChunk,
  webpFile,
  webpHeader,
} from "../testing/file-parts.ts";
import { encodePng, gradientPicture } from "../testing/index.ts";
import type { DecodeResult } from "./decode-picture.ts";
import { createPictureDecoder, type PictureDecoder, type PictureDecoderOptions } from "./picture-decoder.ts";
import { turn, type Pixels } from "./pixels.ts";

const open: PictureDecoder[] = [];
afterEach(async () => void (await Promise.all(open.splice(0).map((decoder) => decoder.dispose()))));

function create(options: PictureDecoderOptions = {}): PictureDecoder {
  // A real thread needs a while to start on a busy machine.
  const decoder = createPictureDecoder({ ...options, limits: { startTimeoutMs: 120_000, ...options.limits } });
  open.push(decoder);
  return decoder;
}

const sample = (name: string): Uint8Array => readFileSync(new URL(`../testing/samples/${name}`, import.meta.url));
const all = { name: "picture 2", maxPixels: 1e9 };

/** The largest difference of a sample, and the number of different samples. */
function difference(one: Pixels, other: Pixels): { largest: number; count: number } {
  expect([one.width, one.height]).toEqual([other.width, other.height]);
  expect(one.rgb).toHaveLength(other.rgb.length);
  const differences = Array.from(one.rgb, (value, i) => Math.abs(value - (other.rgb[i] ?? -1)));
  return { largest: Math.max(...differences), count: differences.filter((value) => value > 0).length };
}

describe("the pixels", () => {
  it("of an 8-bit PNG without alpha are exactly its samples", async () => {
    const decoder = create();
    for (const [width, height] of [
      [1, 1],
      [1, 40],
      [40, 1],
      [64, 48],
      [333, 217],
    ] as const) {
      const picture = gradientPicture(width, height, width + height);
      expect(await decoder.decode(encodePng(picture), all)).toEqual(picture);
    }
  });

  it.each(["444", "420", "440", "411", "gray", "progressive", "rgb-restart", "cmyk"])(
    "of the JPEG file %s are within 3 of stb_image's",
    async (name) => {
      const decoder = create();
      const expected = await decoder.decode(sample(`expected/${name}.jpg.png`), all);
      expect(difference(await decoder.decode(sample(`${name}.jpg`), all), expected).largest).toBeLessThanOrEqual(3);
    },
  );

  it("of a 4:2:2 JPEG file are within 3 of stb_image's, but for a column where stb_image confuses two samples", async () => {
    const decoder = create();
    const [picture, expected] = [
      await decoder.decode(sample("422.jpg"), all),
      await decoder.decode(sample("expected/422.jpg.png"), all),
    ];
    const column = (Math.ceil(picture.width / 2) - 1) * 2;
    const isOther = (i: number): boolean => Math.floor(i / 3) % picture.width !== column;
    const without = ({ width, height, rgb }: Pixels): Pixels => ({
      width,
      height,
      rgb: rgb.map((value, i) => (isOther(i) ? value : 0)),
    });
    expect(difference(without(picture), without(expected)).largest).toBeLessThanOrEqual(3);
  });

  it.each([
    ...["lossy.webp", "lossless.webp", "plain.gif", "interlaced.gif", "animated.gif"],
    ...["interlaced.png", "palette.png", "palette-alpha.png", "gray1.png"],
  ])("of %s are those of another decoder", async (name) => {
    const decoder = create();
    const expected = await decoder.decode(sample(`expected/${name}.png`), all);
    expect(difference(await decoder.decode(sample(name), all), expected)).toEqual({ largest: 0, count: 0 });
  });

  it.each(["lossy-alpha.webp", "lossless-alpha.webp", "animated.webp", "rgba.png", "gray-alpha.png", "rgb16.png"])(
    "of %s, which are rounded, are within 1 of another decoder's",
    async (name) => {
      const decoder = create();
      const expected = await decoder.decode(sample(`expected/${name}.png`), all);
      expect(difference(await decoder.decode(sample(name), all), expected).largest).toBeLessThanOrEqual(1);
    },
  );

  it("are turned as EXIF metadata says", async () => {
    const decoder = create();
    const [png, jpeg, webp] = [
      encodePng(gradientPicture(20, 10, 1)),
      sample("420.jpg"),
      sample("lossless.webp").subarray(12),
    ];
    const plain = await Promise.all([png, jpeg, webpFile(webp)].map(async (file) => await decoder.decode(file, all)));
    for (const orientation of [2, 3, 4, 5, 6, 7, 8] as const) {
      const metadata = exif(orientation);
      const files = [
        join(png.subarray(0, 33), pngChunk("eXIf", metadata), png.subarray(33)),
        join(jpeg.subarray(0, 2), exifSegment(metadata), jpeg.subarray(2)),
        webpFile(webpHeader(27, 18, 8), webp, riffChunk("EXIF", metadata)),
      ];
      for (const [i, file] of files.entries()) {
        const stored = plain[i] ?? gradientPicture(1, 1, 1);
        expect(await decoder.decode(file, all)).toEqual(turn(stored, orientation));
      }
    }
  });

  it("are scaled down to the most that are wanted, and turned then", async () => {
    const png = encodePng(gradientPicture(200, 100, 2));
    const file = join(png.subarray(0, 33), pngChunk("eXIf", exif(6)), png.subarray(33));
    const { width, height, rgb } = await create().decode(file, { name: "x", maxPixels: 5_000 });
    expect([width, height, rgb.length]).toEqual([50, 100, 15_000]);
  });

  it("come from a view into a larger buffer, which the caller keeps", async () => {
    const picture = gradientPicture(30, 20, 9);
    const whole = join("before", encodePng(picture), "after");
    const copy = Uint8Array.from(whole);
    expect(await create().decode(whole.subarray(6), all)).toEqual(picture);
    expect(whole).toEqual(copy);
  });
});

describe("an error", () => {
  it("names the picture and its fault, and the next picture is decoded", async () => {
    const decoder = create();
    const problem = async (bytes: Uint8Array): Promise<string> =>
      await decoder.decode(bytes, all).then(
        () => "none",
        ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
      );
    expect(await problem(join("<svg>"))).toBe(
      "invalid_argument: Cannot read picture 2: it is an SVG file, not a PNG, JPEG, WebP or GIF file.",
    );
    for (const [name, format] of [
      ["420.jpg", "JPEG"],
      ["lossy.webp", "WebP"],
      ["plain.gif", "GIF"],
      ["rgb16.png", "PNG"],
    ] as const) {
      expect(await problem(sample(name).subarray(0, 200))).toBe(
        `invalid_argument: Cannot read picture 2: its ${format} file is damaged or incomplete.`,
      );
      expect(await problem(sample(name))).toBe("none");
    }
    const outside = join(gifHeader(8, 8), gifFrame({ left: 5, width: 4, height: 4 }, 2, [0x44, 1]));
    expect(await problem(outside)).toBe(
      "invalid_argument: Cannot read picture 2: its first GIF frame is not on the canvas.",
    );
    const larger = join(sample("lossy.webp").subarray(12));
    expect(await problem(webpFile(webpHeader(40, 30), larger))).toBe(
      "invalid_argument: Cannot read picture 2: its WebP file is damaged or incomplete.",
    );
  });

  it("is the signal's reason after an abort", async () => {
    const decoder = create();
    const aborted = AbortSignal.abort(new Error("not needed"));
    await expect(decoder.decode(sample("420.jpg"), { ...all, signal: aborted })).rejects.toThrow("not needed");
    const [first, second] = [new AbortController(), new AbortController()];
    const ends: string[] = [];
    const decodings = [first, second].map(async ({ signal }) => {
      await decoder.decode(sample("420.jpg"), { ...all, signal }).catch(({ message }: Error) => ends.push(message));
    });
    // The second picture still waits for the first one.
    second.abort(new Error("second"));
    await decodings[1];
    first.abort(new Error("first"));
    await decodings[0];
    expect(ends).toEqual(["second", "first"]);
    expect(await decoder.decode(sample("420.jpg"), all)).toMatchObject({ width: 27 });
  });
});

describe("the thread", () => {
  /** Threads that the test controls. */
  function withThreads(options: PictureDecoderOptions = {}) {
    const threads: { events: IsolateThreadEvents<DecodeResult>; tasks: unknown[]; isEnded: boolean }[] = [];
    const decoder = create({
      ...options,
      startThread(events) {
        const thread = { events, tasks: [] as unknown[], isEnded: false };
        threads.push(thread);
        return {
          perform: (task) => void thread.tasks.push(task),
          cpuMs: () => undefined,
          end: async () => void (thread.isEnded = true),
        };
      },
    });
    return { decoder, threads };
  }

  const header = (width: number, height: number): Uint8Array => encodePng({ width, height, rgb: new Uint8Array(0) });
  const decoded: DecodeResult = { kind: "decoded", pixels: gradientPicture(1, 1, 1) };

  it("ends after a picture with many pixels, and after a decoder that stopped halfway", async () => {
    const { decoder, threads } = withThreads({ limits: { keptPixels: 100 } });
    const decode = async (bytes: Uint8Array, result: DecodeResult): Promise<unknown> => {
      const decoding = decoder.decode(bytes, all).catch(({ message }: Error) => message);
      threads.at(-1)?.events.onReady();
      threads.at(-1)?.events.onResult(result);
      return await decoding;
    };
    await decode(header(10, 10), decoded);
    expect(await decode(header(10, 10), { kind: "refused", reason: "it is x", isBroken: false })).toBe(
      "Cannot read picture 2: it is x.",
    );
    await decode(header(10, 11), decoded);
    await decode(header(10, 10), { kind: "refused", reason: "it is y", isBroken: true });
    await decode(header(10, 10), decoded);
    expect(threads.map(({ tasks, isEnded }) => [tasks.length, isEnded])).toEqual([
      [3, true],
      [1, true],
      [1, false],
    ]);
  });

  it("is killed when decoding takes too long: the longer, the more pixels there are", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const { decoder, threads } = withThreads({
        limits: { decodeMs: 100, decodeMsPerMegapixel: 1_000, decodeDeadlineMs: 60_000 },
      });
      const decoding = decoder.decode(header(1_000, 500), all).catch((error: unknown) => error);
      threads[0]?.events.onReady();
      vi.advanceTimersByTime(599);
      expect(threads[0]?.isEnded).toBe(false);
      vi.advanceTimersByTime(1);
      expect(await decoding).toMatchObject({
        code: "invalid_argument",
        message: "Cannot read picture 2: decoding it takes too long.",
      });
      expect(threads[0]?.isEnded).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  it("has limits for waiting pictures, whose errors say what to do", async () => {
    const { decoder, threads } = withThreads({ limits: { waiting: 1 } });
    const errors = ["a", "b", "c"].map(
      async (client) => await decoder.decode(header(1, 1), { ...all, client }).catch((error: unknown) => error),
    );
    expect(await errors[2]).toMatchObject({ code: "resource_exhausted", retryAfterS: 1 });
    threads[0]?.events.onGone(Object.assign(new Error("x"), { code: "ERR_WORKER_OUT_OF_MEMORY" }));
    expect(await errors[0]).toMatchObject({
      code: "invalid_argument",
      message: "Cannot read picture 2: decoding it takes too much memory.",
    });
    threads[1]?.events.onGone(new Error("no luck"));
    expect(await errors[1]).toMatchObject({ code: "internal", cause: { cause: expect.any(IsolateError) } });
    const unstarted = decoder.decode(header(1, 1), all);
    threads[2]?.events.onGone(Object.assign(new Error("EAGAIN"), { code: "ERR_WORKER_INIT_FAILED" }));
    await expect(unstarted).rejects.toMatchObject({ code: "unavailable" });
    await decoder.dispose();
    await expect(decoder.decode(header(1, 1), all)).rejects.toMatchObject({ code: "unavailable" });
  });
});
