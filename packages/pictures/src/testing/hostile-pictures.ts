// Makes hostile pictures: truncated, corrupted and lying files, bombs, huge metadata, and files of other formats.
import { readFileSync } from "node:fs";
import { constants, deflateRawSync, deflateSync } from "node:zlib";
import {
  big,
  exifSegment,
  exif,
  gifFrame,
  gifHeader,
  join,
  jpegFrame,
  jpegSegment,
  little,
  type FilePart,
  pngBegin,
  pngChunk,
  pngHeader,
  riffChunk,
  webpFile,
  webpHeader,
} from "./file-parts.ts";
import { encodePng, gradientPicture } from "./made-pictures.ts";

export interface HostilePicture {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Makers of files by name. A file is made when it is needed, since some are large. */
type HostileFiles = Readonly<Record<string, () => Uint8Array>>;

/** Small good files, from which most hostile ones are made. */
const sampleNames = [
  ...["interlaced.png", "palette-alpha.png", "420.jpg", "progressive.jpg"],
  ...["lossy-alpha.webp", "lossless.webp", "animated.webp", "plain.gif", "animated.gif"],
];
const cutsPerSample = 5;
const corruptionsPerSample = 5;

/** At least 200 files of at most 8 MiB. Some decode; the others must give an error. The same seed gives the same files. */
export function* hostilePictures(seed: number): Generator<HostilePicture> {
  const random = randomNumbers(seed);
  const samples = sampleNames.map((name) => ({ name, bytes: sample(name) }));
  for (const one of [...samples, { name: "made.png", bytes: encodePng(gradientPicture(64, 48, seed)) }]) {
    yield* truncated(one);
    yield* corrupted(one, random);
  }
  for (const files of [otherFormats, bombs, lies, hugeMetadata, badJpegs, badWebps, badGifs, badPngs]) {
    for (const [name, make] of Object.entries(files())) yield { name, bytes: make() };
  }
}

function sample(name: string): Uint8Array {
  return readFileSync(new URL(`samples/${name}`, import.meta.url));
}

function* truncated({ name, bytes }: HostilePicture): Generator<HostilePicture> {
  for (let cut = 1; cut <= cutsPerSample; cut += 1) {
    const length = Math.floor((bytes.length * cut) / (cutsPerSample + 1));
    yield { name: `${name}, first ${length} bytes`, bytes: bytes.subarray(0, length) };
  }
}

function* corrupted({ name, bytes }: HostilePicture, random: () => number): Generator<HostilePicture> {
  for (let n = 0; n < corruptionsPerSample; n += 1) {
    const copy = Uint8Array.from(bytes);
    const changes = 1 + Math.floor(random() * 2 ** n);
    // Keep the first bytes, which show the format.
    for (let i = 0; i < changes; i += 1) {
      copy[12 + Math.floor(random() * (copy.length - 12))] = Math.floor(random() * 256);
    }
    yield { name: `${name}, ${changes} random bytes`, bytes: copy };
  }
}

function otherFormats(): HostileFiles {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>';
  return {
    "no bytes": () => join(""),
    "one byte": () => join("\x89"),
    SVG: () => join(svg),
    "SVG after XML": () => join(`<?xml version="1.0"?>\n<!DOCTYPE svg>\n${svg}`),
    HTML: () => join("<!doctype html><img src=x>"),
    "plain text": () => join("a picture of a bee"),
    BMP: () => join("BM", little(58, 4), little(0, 4), little(54, 4), little(40, 4), little(1, 4)),
    TIFF: () => join("II*\0", little(8, 4), little(0, 2)),
    PDF: () => join("%PDF-1.7\n%%EOF"),
    HEIC: () => join(big(24, 4), "ftypheic", big(0, 4), "mif1heic"),
    AVIF: () => join(big(24, 4), "ftypavif", big(0, 4), "mif1avif"),
    ICO: () => join(little(0, 2), little(1, 2), little(1, 2)),
    zip: () => join("PK\x03\x04", new Uint8Array(40)),
    gzip: () => join("\x1f\x8b\x08\0", new Uint8Array(40)),
    WAV: () => join("RIFF", little(36, 4), "WAVEfmt ", new Uint8Array(28)),
    zeros: () => new Uint8Array(1 << 20),
    "JPEG after PNG's signature": () => join(pngBegin, sample("420.jpg")),
    "PNG after JPEG's signature": () => join([0xff, 0xd8], sample("interlaced.png")),
    "PNG in a WebP file": () => webpFile(sample("interlaced.png")),
    "GIF in a WebP chunk": () => webpFile(webpHeader(27, 18), riffChunk("VP8 ", sample("plain.gif"))),
    "WebP in a WebP chunk": () => webpFile(webpHeader(27, 18), riffChunk("VP8 ", sample("lossy.webp"))),
    "JPEG in a GIF extension": () => join(gifHeader(8, 8), [0x21, 0xff, 200], sample("420.jpg")),
  };
}

/** Small files that stand for many pixels, or that inflate to much more than their pixels. */
function bombs(): HostileFiles {
  const zeros = (bytes: number): Uint8Array => deflateSync(new Uint8Array(bytes), { level: 9 });
  const png = (width: number, height: number, data: Uint8Array, color = 2): Uint8Array =>
    join(pngBegin, pngHeader(width, height, color), pngChunk("IDAT", data), pngChunk("IEND"));
  const [width, height] = [7_000, 7_000];
  return {
    "PNG of 60000 x 60000": () => png(60_000, 60_000, zeros(1_000)),
    "PNG of 2147483647 x 2147483647": () => png(2_147_483_647, 2_147_483_647, zeros(1_000)),
    "PNG of 50 million pixels without data": () => png(10_000, 5_000, zeros(0)),
    "PNG of 16 million pixels, all black": () => png(4_000, 4_000, zeros(4_000 * 12_001)),
    "PNG of 8 x 8 that inflates to 4 GiB": () => png(8, 8, inflatesTo(4_096)),
    "PNG of 6 million pixels in one row of 65535": () => png(65_535, 92, zeros(92 * 196_606)),
    "JPEG of 60000 x 60000": () => jpeg(jpegFrame(60_000, 60_000)),
    "JPEG of 7000 x 7000 without data": () => jpeg(jpegFrame(7_000, 7_000)),
    "progressive JPEG of 7000 x 7000 without data": () => jpeg(jpegFrame(7_000, 7_000, 0xc2)),
    "progressive JPEG with 20,000 scans": () => scanBomb(1_000, 20_000),
    "WebP of 16777216 x 16777216": () => webpFile(webpHeader(1 << 24, 1 << 24), riffChunk("VP8 ")),
    "WebP of 16383 x 16383": () => webpFile(lossless(16_383, 16_383)),
    "WebP of 16383 x 3000 without data": () => webpFile(lossless(16_383, 3_000)),
    "GIF of 65535 x 65535": () => join(gifHeader(65_535, 65_535), [0x3b]),
    "GIF of 7000 x 7000 with little data": () =>
      join(gifHeader(width, height), gifFrame({ width, height }, 2, [0x44, 0x01]), [0x3b]),
  };
}

/** A zlib stream that inflates to this number of MiB. */
function inflatesTo(mebibytes: number): Uint8Array {
  const part = deflateRawSync(new Uint8Array(1 << 20), { level: 9, finishFlush: constants.Z_SYNC_FLUSH });
  return join([0x78, 0x9c], repeated(mebibytes, part), deflateRawSync(new Uint8Array(0)));
}

/** Scans of few bytes, each of which makes a decoder go through all blocks. */
function scanBomb(side: number, scans: number): Uint8Array {
  const blocks = Math.ceil(side / 8) ** 2;
  /** A Huffman table with one code: a single 0 bit. */
  const table = (kind: number, value: number): Uint8Array => jpegSegment(0xc4, [kind, 1], new Uint8Array(15), [value]);
  const dc = join(jpegSegment(0xda, [1, 1, 0, 0, 0, 0]), new Uint8Array(Math.ceil(blocks / 8)));
  // Each code ends the blocks of 16,384 rows; 14 bits of 0 follow.
  const codes = Math.ceil(blocks / 16_384);
  const ac = join(jpegSegment(0xda, [1, 1, 0, 1, 63, 0]), new Uint8Array(Math.ceil((codes * 15) / 8)));
  const tables = [quantization, table(0x00, 0), table(0x10, 0xe0)];
  return jpeg(jpegFrame(side, side, 0xc2, 1), ...tables, dc, repeated(scans, ac), [0xff, 0xd9]);
}

const quantization = jpegSegment(0xdb, [0], new Uint8Array(64).fill(1));

function jpeg(...parts: readonly FilePart[]): Uint8Array {
  return join([0xff, 0xd8], ...parts);
}

/** A lossless WebP chunk with a header only. */
function lossless(width: number, height: number): Uint8Array {
  return riffChunk("VP8L", [0x2f], little(width - 1 + (height - 1) * 0x4000, 4));
}

/** Pictures whose header does not match their pixels. */
function lies(): HostileFiles {
  const png = encodePng(gradientPicture(16, 16, 1));
  const pngSays = (width: number, height: number, color = 2, bits = 8): Uint8Array =>
    join(pngBegin, pngHeader(width, height, color, bits), png.subarray(33));
  const photo = sample("420.jpg");
  const withSize = (width: number, height: number): Uint8Array => {
    const copy = Uint8Array.from(photo);
    const frame = Buffer.from(photo).indexOf(Uint8Array.of(0xff, 0xc0));
    copy.set([...big(height, 2), ...big(width, 2)], frame + 5);
    return copy;
  };
  return {
    "PNG that says it is larger": () => pngSays(600, 600),
    "PNG that says it is smaller": () => pngSays(2, 2),
    "PNG without pixels": () => pngSays(0, 16),
    "PNG with a palette that is missing": () => pngSays(16, 16, 3),
    "PNG with 3 bits": () => pngSays(16, 16, 2, 3),
    "PNG with colour type 7": () => pngSays(16, 16, 7),
    "JPEG that says it is larger": () => withSize(3_000, 3_000),
    "JPEG that says it is smaller": () => withSize(8, 8),
    "JPEG without height": () => withSize(27, 0),
    "JPEG with a second frame header": () => jpeg(jpegFrame(8, 8), jpegFrame(60_000, 60_000), photo.subarray(2)),
    "JPEG with EXIF orientation 9": () => jpeg(exifSegment(exif(9)), photo.subarray(2)),
    "WebP smaller than its header says": () => webpFile(webpHeader(5_000, 5_000), sample("lossy.webp").subarray(12)),
    "WebP larger than its header says": () => webpFile(webpHeader(1, 1), sample("lossy.webp").subarray(12)),
    "GIF frame larger than the canvas": () =>
      join(gifHeader(1, 1), gifFrame({ width: 65_535, height: 65_535 }, 2, [0x44, 1])),
    "GIF frame outside of the canvas": () =>
      join(gifHeader(8, 8), gifFrame({ left: 5, width: 4, height: 4 }, 2, [0x44, 1])),
  };
}

const metadataBytes = 8 << 20;

/** 8 MiB of metadata: as a whole, in small parts, and as a bomb that inflates to gigabytes. */
function hugeMetadata(): HostileFiles {
  const text = new Uint8Array(metadataBytes - 4_096).fill(0x61);
  const png = encodePng(gradientPicture(16, 16, 2));
  const withChunks = (chunks: Uint8Array): Uint8Array => join(png.subarray(0, 33), chunks, png.subarray(33));
  const photo = sample("progressive.jpg");
  const withSegments = (count: number, segment: Uint8Array): Uint8Array =>
    jpeg(repeated(count, segment), photo.subarray(2));
  const part = text.subarray(0, 65_000);
  const pixels = sample("lossless.webp").subarray(12);
  const header = webpHeader(27, 18, 8);
  const gif = sample("plain.gif");
  const comments = Buffer.alloc(metadataBytes - 4_096, join([255], text.subarray(0, 255)));
  const body = 13 + 3 * (2 << ((gif[10] ?? 0) & 7));
  const whole = comments.subarray(0, Math.floor(comments.length / 256) * 256);
  return {
    "PNG with 8 MiB of EXIF": () => withChunks(pngChunk("eXIf", text)),
    "PNG with 8 MiB of text": () => withChunks(pngChunk("tEXt", "a\0", text)),
    "PNG with a text bomb": () => withChunks(pngChunk("zTXt", "a\0\0", inflatesTo(4_096))),
    "PNG with a colour profile bomb": () => withChunks(pngChunk("iCCP", "a\0\0", inflatesTo(4_096))),
    "PNG with 10,000 texts": () => withChunks(repeated(10_000, pngChunk("tEXt", "a\0b"))),
    "PNG with 100,000 texts": () => withChunks(repeated(100_000, pngChunk("tEXt", "a\0b"))),
    "JPEG with 8 MiB of EXIF": () => withSegments(125, jpegSegment(0xe1, "Exif\0\0", part)),
    "JPEG with 8 MiB of colour profiles": () => withSegments(125, jpegSegment(0xe2, "ICC_PROFILE\0", part)),
    "JPEG with 8 MiB of comments": () => withSegments(125, jpegSegment(0xfe, part)),
    "JPEG with a million empty comments": () => withSegments(1_000_000, jpegSegment(0xfe)),
    "JPEG with megabytes of filling": () => jpeg(new Uint8Array(metadataBytes - 4_096).fill(0xff), photo.subarray(2)),
    "WebP with 8 MiB of EXIF": () => webpFile(header, pixels, riffChunk("EXIF", text)),
    "WebP with 8 MiB before the pixels": () => webpFile(header, riffChunk("ICCP", text), pixels),
    "WebP with 500,000 empty chunks": () => webpFile(header, repeated(500_000, riffChunk("JUNK")), pixels),
    "GIF with 8 MiB of comments": () => join(gif.subarray(0, body), [0x21, 0xfe], whole, [0], gif.subarray(body)),
  };
}

function repeated(count: number, part: Uint8Array): Uint8Array {
  return Buffer.alloc(count * part.length, part);
}

function badJpegs(): HostileFiles {
  const scan = (...fields: readonly number[]): Uint8Array =>
    join(jpegSegment(0xda, fields), new Uint8Array(200).fill(0x5a));
  const table = (counts: readonly number[], values: number): Uint8Array =>
    jpegSegment(
      0xc4,
      [0],
      Uint8Array.from({ length: 16 }, (_, i) => counts[i] ?? 0),
      new Uint8Array(values).fill(1),
    );
  const frame = jpegFrame(64, 64, 0xc0, 1);
  const whole = scan(1, 1, 0, 0, 63, 0);
  const sampling = (shares: number): Uint8Array => jpegSegment(0xc0, [8, 0, 64, 0, 64, 1, 1, shares, 0]);
  return {
    "JPEG with too many Huffman codes": () => jpeg(quantization, frame, table([255, 255, 255, 255], 1_020), whole),
    "JPEG with a short Huffman table": () => jpeg(quantization, frame, table([0, 100, 100], 3), whole),
    "JPEG with an empty Huffman table": () => jpeg(quantization, frame, table([], 0), whole),
    "JPEG with Huffman table 15": () => jpeg(frame, jpegSegment(0xc4, [0x1f, 1], new Uint8Array(16)), whole),
    "JPEG without tables": () => jpeg(frame, whole),
    "JPEG without a frame": () => jpeg(quantization, whole),
    "JPEG with a scan of 4 unknown parts": () => jpeg(quantization, frame, scan(4, 9, 0, 8, 0, 7, 0, 6, 0, 0, 63, 0)),
    "JPEG with a wrong spectrum": () => jpeg(quantization, jpegFrame(64, 64, 0xc2, 1), scan(1, 1, 0, 63, 1, 0xff)),
    "JPEG with no components": () => jpeg(quantization, jpegFrame(64, 64, 0xc0, 0), whole),
    "JPEG with 5 components": () => jpeg(quantization, jpegFrame(64, 64, 0xc0, 5), whole),
    "JPEG with no samples": () => jpeg(quantization, sampling(0x00), whole),
    "JPEG with 15 x 15 samples": () => jpeg(quantization, sampling(0xff), whole),
    "JPEG with a quantization table of no bytes": () => jpeg(jpegSegment(0xdb), frame, whole),
    "lossless JPEG": () => jpeg(jpegFrame(64, 64, 0xc3, 1), whole),
    "arithmetic-coded JPEG": () => jpeg(jpegFrame(64, 64, 0xc9, 1), whole),
    "JPEG with 12 bits": () => jpeg(jpegFrame(64, 64, 0xc1, 1, 12), whole),
    "JPEG with a segment of 1 byte": () => jpeg([0xff, 0xe0, 0, 1], frame),
    "JPEG with its end at the beginning": () => jpeg([0xff, 0xd9], frame, whole),
    "JPEG with restarts only": () =>
      jpeg(quantization, frame, jpegSegment(0xdd, [0, 1]), whole, Buffer.alloc(20_000, "\xff\xd0", "latin1")),
  };
}

function badWebps(): HostileFiles {
  const good = sample("lossy.webp");
  const withLength = (at: number, length: number): Uint8Array => {
    const copy = Uint8Array.from(good);
    copy.set(little(length, 4), at);
    return copy;
  };
  const bad = riffChunk("ALPH", [0xff], new Uint8Array(50).fill(0xa5));
  const huffman = riffChunk("VP8L", [0x2f], little(26 + 17 * 0x4000, 4), new Uint8Array(2_000).fill(0xff));
  const animation = (...frame: readonly FilePart[]): Uint8Array =>
    webpFile(webpHeader(27, 18, 2), riffChunk("ANIM", new Uint8Array(6)), riffChunk("ANMF", ...frame));
  const place = (left: number, width: number): Uint8Array =>
    join(little(left, 3), little(0, 3), little(width - 1, 3), little(17, 3), new Uint8Array(4));
  return {
    "WebP with a file length of 0": () => withLength(4, 0),
    "WebP with a file length of 4 GiB": () => withLength(4, 0xffffffff),
    "WebP with a chunk length of 0": () => withLength(16, 0),
    "WebP with an odd chunk length": () => withLength(16, 33),
    "WebP with a chunk length of 4 GiB": () => withLength(16, 0xffffffff),
    "WebP with a header only": () => webpFile(webpHeader(27, 18)),
    "WebP without chunks": () => webpFile(),
    "WebP with alpha only": () => webpFile(webpHeader(27, 18, 16), riffChunk("ALPH", [1, 2, 3])),
    "WebP with bad alpha": () => webpFile(webpHeader(27, 18, 16), bad, good.subarray(12)),
    "lossless WebP of ones": () => webpFile(huffman),
    "animated WebP with an empty frame": () => animation(),
    "animated WebP with a frame outside of the canvas": () => animation(place(9, 27), good.subarray(12)),
    "animated WebP with a frame of another size": () => animation(place(0, 12), good.subarray(12)),
    "animated WebP in a frame": () => animation(place(0, 27), sample("animated.webp")),
  };
}

function badGifs(): HostileFiles {
  const size = { width: 64, height: 64 };
  const frame = (codeBits: number, ...codes: readonly FilePart[]): Uint8Array =>
    join(gifHeader(64, 64), gifFrame(size, codeBits, ...codes), [0x3b]);
  return {
    ...Object.fromEntries(
      [0, 1, 9, 12, 255].map((bits) => [
        `GIF with codes of ${bits} bits`,
        () => frame(bits, new Uint8Array(100).fill(0x5a)),
      ]),
    ),
    "GIF with codes that do not exist": () => frame(2, new Uint8Array(255).fill(0xff)),
    "GIF with clear codes only": () => frame(2, ...Array.from({ length: 4_000 }, () => new Uint8Array(255).fill(0x24))),
    "GIF with no codes": () => frame(2),
    "GIF with a frame of no pixels": () => join(gifHeader(64, 64), gifFrame({ width: 0, height: 0 }, 2, [0x44, 1])),
    "GIF without a frame": () => join(gifHeader(64, 64), [0x3b]),
    "GIF without a palette": () =>
      join("GIF89a", little(64, 2), little(64, 2), [0, 0, 0], gifFrame(size, 2, [0x44, 1])),
    "GIF with an endless extension": () => join(gifHeader(64, 64), [0x21, 0xfe], new Uint8Array(1 << 20).fill(1)),
  };
}

function badPngs(): HostileFiles {
  const good = encodePng(gradientPicture(16, 16, 3));
  const [header, data] = [good.subarray(8, 33), good.subarray(33)];
  const file = (...chunks: readonly Uint8Array[]): Uint8Array => join(pngBegin, ...chunks);
  const animation = [pngChunk("acTL", big(1_000_000, 4), big(0, 4)), pngChunk("fdAT", inflatesTo(64))];
  const palette = (colors: number): Uint8Array => pngChunk("PLTE", new Uint8Array(colors * 3));
  const indexed = pngChunk("IDAT", deflateSync(new Uint8Array(17 * 16).fill(200)));
  const head = pngHeader(16, 16, 3);
  const clear = pngChunk("tRNS", new Uint8Array(300));
  return {
    "PNG without data": () => file(header, pngChunk("IEND")),
    "PNG with two headers": () => file(header, pngHeader(60_000, 60_000), data),
    "PNG with data that is not compressed": () => file(header, pngChunk("IDAT", new Uint8Array(800)), pngChunk("IEND")),
    "PNG with filter 9": () =>
      file(header, pngChunk("IDAT", deflateSync(new Uint8Array(784).fill(9))), pngChunk("IEND")),
    "PNG with a chunk length of 4 GiB": () => file(header, join([0xff, 0xff, 0xff, 0xff], "IDAT"), data),
    "PNG with a wrong checksum": () => file(header, data.subarray(0, -16), join([1, 2, 3, 4]), data.subarray(-12)),
    "PNG with an Apple chunk": () => file(pngChunk("CgBI", [0x50, 0, 0x20, 2]), header, data),
    "animated PNG": () => file(header, ...animation, data),
    "PNG with indexes beyond its palette": () => file(head, palette(2), indexed, pngChunk("IEND")),
    "PNG with 1,000 colours": () => file(head, palette(1_000), indexed, pngChunk("IEND")),
    "PNG with more transparency than colours": () => file(head, palette(2), clear, indexed, pngChunk("IEND")),
  };
}

/** Numbers from 0 to below 1, by mulberry32. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
