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
  type Part,
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
  yield* otherFormats();
  yield* bombs();
  yield* lies();
  yield* hugeMetadata();
  yield* badJpegs();
  yield* badWebps();
  yield* badGifs();
  yield* badPngs();
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

function* otherFormats(): Generator<HostilePicture> {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>';
  yield { name: "no bytes", bytes: join("") };
  yield { name: "one byte", bytes: join("\x89") };
  yield { name: "SVG", bytes: join(svg) };
  yield { name: "SVG after XML", bytes: join(`<?xml version="1.0"?>\n<!DOCTYPE svg>\n${svg}`) };
  yield { name: "HTML", bytes: join("<!doctype html><img src=x>") };
  yield { name: "plain text", bytes: join("a picture of a bee") };
  yield { name: "BMP", bytes: join("BM", little(58, 4), little(0, 4), little(54, 4), little(40, 4), little(1, 4)) };
  yield { name: "TIFF", bytes: join("II*\0", little(8, 4), little(0, 2)) };
  yield { name: "PDF", bytes: join("%PDF-1.7\n%%EOF") };
  yield { name: "HEIC", bytes: join(big(24, 4), "ftypheic", big(0, 4), "mif1heic") };
  yield { name: "AVIF", bytes: join(big(24, 4), "ftypavif", big(0, 4), "mif1avif") };
  yield { name: "ICO", bytes: join(little(0, 2), little(1, 2), little(1, 2)) };
  yield { name: "zip", bytes: join("PK\x03\x04", new Uint8Array(40)) };
  yield { name: "gzip", bytes: join("\x1f\x8b\x08\0", new Uint8Array(40)) };
  yield { name: "WAV", bytes: join("RIFF", little(36, 4), "WAVEfmt ", new Uint8Array(28)) };
  yield { name: "zeros", bytes: new Uint8Array(1 << 20) };
  yield { name: "JPEG after PNG's signature", bytes: join(pngBegin, sample("420.jpg")) };
  yield { name: "PNG after JPEG's signature", bytes: join([0xff, 0xd8], sample("interlaced.png")) };
  yield { name: "PNG in a WebP file", bytes: webpFile(sample("interlaced.png")) };
  yield { name: "GIF in a WebP chunk", bytes: webpFile(webpHeader(27, 18), riffChunk("VP8 ", sample("plain.gif"))) };
  yield { name: "WebP in a WebP chunk", bytes: webpFile(webpHeader(27, 18), riffChunk("VP8 ", sample("lossy.webp"))) };
  yield { name: "JPEG in a GIF extension", bytes: join(gifHeader(8, 8), [0x21, 0xff, 200], sample("420.jpg")) };
}

/** Small files that stand for many pixels, or that inflate to much more than their pixels. */
function* bombs(): Generator<HostilePicture> {
  const zeros = (bytes: number): Uint8Array => deflateSync(new Uint8Array(bytes), { level: 9 });
  const png = (width: number, height: number, data: Uint8Array, color = 2): Uint8Array =>
    join(pngBegin, pngHeader(width, height, color), pngChunk("IDAT", data), pngChunk("IEND"));
  yield { name: "PNG of 60000 x 60000", bytes: png(60_000, 60_000, zeros(1_000)) };
  yield { name: "PNG of 2147483647 x 2147483647", bytes: png(2_147_483_647, 2_147_483_647, zeros(1_000)) };
  yield { name: "PNG of 50 million pixels without data", bytes: png(10_000, 5_000, zeros(0)) };
  yield { name: "PNG of 16 million pixels, all black", bytes: png(4_000, 4_000, zeros(4_000 * 12_001)) };
  yield { name: "PNG of 8 x 8 that inflates to 4 GiB", bytes: png(8, 8, inflatesTo(4_096)) };
  yield { name: "PNG of 6 million pixels in one row of 65535", bytes: png(65_535, 92, zeros(92 * 196_606)) };
  yield { name: "JPEG of 60000 x 60000", bytes: jpeg(jpegFrame(60_000, 60_000)) };
  yield { name: "JPEG of 7000 x 7000 without data", bytes: jpeg(jpegFrame(7_000, 7_000)) };
  yield { name: "progressive JPEG of 7000 x 7000 without data", bytes: jpeg(jpegFrame(7_000, 7_000, 0xc2)) };
  yield { name: "progressive JPEG with 20,000 scans", bytes: scanBomb(1_000, 20_000) };
  yield { name: "WebP of 16777216 x 16777216", bytes: webpFile(webpHeader(1 << 24, 1 << 24), riffChunk("VP8 ")) };
  yield { name: "WebP of 16383 x 16383", bytes: webpFile(lossless(16_383, 16_383)) };
  yield { name: "WebP of 16383 x 3000 without data", bytes: webpFile(lossless(16_383, 3_000)) };
  yield { name: "GIF of 65535 x 65535", bytes: join(gifHeader(65_535, 65_535), [0x3b]) };
  const [width, height] = [7_000, 7_000];
  yield {
    name: "GIF of 7000 x 7000 with little data",
    bytes: join(gifHeader(width, height), gifFrame({ width, height }, 2, [0x44, 0x01]), [0x3b]),
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

function jpeg(...parts: readonly Part[]): Uint8Array {
  return join([0xff, 0xd8], ...parts);
}

/** A lossless WebP chunk with a header only. */
function lossless(width: number, height: number): Uint8Array {
  return riffChunk("VP8L", [0x2f], little(width - 1 + (height - 1) * 0x4000, 4));
}

/** Pictures whose header does not match their pixels. */
function* lies(): Generator<HostilePicture> {
  const png = encodePng(gradientPicture(16, 16, 1));
  const pngSays = (width: number, height: number, color = 2, bits = 8): Uint8Array =>
    join(pngBegin, pngHeader(width, height, color, bits), png.subarray(33));
  yield { name: "PNG that says it is larger", bytes: pngSays(600, 600) };
  yield { name: "PNG that says it is smaller", bytes: pngSays(2, 2) };
  yield { name: "PNG without pixels", bytes: pngSays(0, 16) };
  yield { name: "PNG with a palette that is missing", bytes: pngSays(16, 16, 3) };
  yield { name: "PNG with 3 bits", bytes: pngSays(16, 16, 2, 3) };
  yield { name: "PNG with colour type 7", bytes: pngSays(16, 16, 7) };
  const photo = sample("420.jpg");
  const withSize = (width: number, height: number): Uint8Array => {
    const copy = Uint8Array.from(photo);
    const frame = Buffer.from(photo).indexOf(Uint8Array.of(0xff, 0xc0));
    copy.set([...big(height, 2), ...big(width, 2)], frame + 5);
    return copy;
  };
  yield { name: "JPEG that says it is larger", bytes: withSize(3_000, 3_000) };
  yield { name: "JPEG that says it is smaller", bytes: withSize(8, 8) };
  yield { name: "JPEG without height", bytes: withSize(27, 0) };
  yield {
    name: "JPEG with a second frame header",
    bytes: jpeg(jpegFrame(8, 8), jpegFrame(60_000, 60_000), photo.subarray(2)),
  };
  yield { name: "JPEG with EXIF orientation 9", bytes: jpeg(exifSegment(exif(9)), photo.subarray(2)) };
  yield {
    name: "WebP smaller than its header says",
    bytes: webpFile(webpHeader(5_000, 5_000), sample("lossy.webp").subarray(12)),
  };
  yield {
    name: "WebP larger than its header says",
    bytes: webpFile(webpHeader(1, 1), sample("lossy.webp").subarray(12)),
  };
  yield {
    name: "GIF frame larger than the canvas",
    bytes: join(gifHeader(1, 1), gifFrame({ width: 65_535, height: 65_535 }, 2, [0x44, 1])),
  };
  yield {
    name: "GIF frame outside of the canvas",
    bytes: join(gifHeader(8, 8), gifFrame({ left: 5, width: 4, height: 4 }, 2, [0x44, 1])),
  };
}

const metadataBytes = 8 << 20;

/** 8 MiB of metadata: as a whole, in small parts, and as a bomb that inflates to gigabytes. */
function* hugeMetadata(): Generator<HostilePicture> {
  const text = new Uint8Array(metadataBytes - 4_096).fill(0x61);
  const png = encodePng(gradientPicture(16, 16, 2));
  const withChunks = (chunks: Uint8Array): Uint8Array => join(png.subarray(0, 33), chunks, png.subarray(33));
  yield { name: "PNG with 8 MiB of EXIF", bytes: withChunks(pngChunk("eXIf", text)) };
  yield { name: "PNG with 8 MiB of text", bytes: withChunks(pngChunk("tEXt", "a\0", text)) };
  yield { name: "PNG with a text bomb", bytes: withChunks(pngChunk("zTXt", "a\0\0", inflatesTo(4_096))) };
  yield { name: "PNG with a colour profile bomb", bytes: withChunks(pngChunk("iCCP", "a\0\0", inflatesTo(4_096))) };
  yield { name: "PNG with 10,000 texts", bytes: withChunks(repeated(10_000, pngChunk("tEXt", "a\0b"))) };
  yield { name: "PNG with 100,000 texts", bytes: withChunks(repeated(100_000, pngChunk("tEXt", "a\0b"))) };
  const photo = sample("progressive.jpg");
  const withSegments = (count: number, segment: Uint8Array): Uint8Array =>
    jpeg(repeated(count, segment), photo.subarray(2));
  const part = text.subarray(0, 65_000);
  yield { name: "JPEG with 8 MiB of EXIF", bytes: withSegments(125, jpegSegment(0xe1, "Exif\0\0", part)) };
  yield {
    name: "JPEG with 8 MiB of colour profiles",
    bytes: withSegments(125, jpegSegment(0xe2, "ICC_PROFILE\0", part)),
  };
  yield { name: "JPEG with 8 MiB of comments", bytes: withSegments(125, jpegSegment(0xfe, part)) };
  yield { name: "JPEG with a million empty comments", bytes: withSegments(1_000_000, jpegSegment(0xfe)) };
  yield {
    name: "JPEG with megabytes of filling",
    bytes: jpeg(new Uint8Array(metadataBytes - 4_096).fill(0xff), photo.subarray(2)),
  };
  const pixels = sample("lossless.webp").subarray(12);
  const header = webpHeader(27, 18, 8);
  yield { name: "WebP with 8 MiB of EXIF", bytes: webpFile(header, pixels, riffChunk("EXIF", text)) };
  yield { name: "WebP with 8 MiB before the pixels", bytes: webpFile(header, riffChunk("ICCP", text), pixels) };
  yield {
    name: "WebP with 500,000 empty chunks",
    bytes: webpFile(header, repeated(500_000, riffChunk("JUNK")), pixels),
  };
  const gif = sample("plain.gif");
  const comments = Buffer.alloc(metadataBytes - 4_096, join([255], text.subarray(0, 255)));
  const body = 13 + 3 * (2 << ((gif[10] ?? 0) & 7));
  const whole = comments.subarray(0, Math.floor(comments.length / 256) * 256);
  yield {
    name: "GIF with 8 MiB of comments",
    bytes: join(gif.subarray(0, body), [0x21, 0xfe], whole, [0], gif.subarray(body)),
  };
}

function repeated(count: number, part: Uint8Array): Uint8Array {
  return Buffer.alloc(count * part.length, part);
}

function* badJpegs(): Generator<HostilePicture> {
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
  yield {
    name: "JPEG with too many Huffman codes",
    bytes: jpeg(quantization, frame, table([255, 255, 255, 255], 1_020), whole),
  };
  yield { name: "JPEG with a short Huffman table", bytes: jpeg(quantization, frame, table([0, 100, 100], 3), whole) };
  yield { name: "JPEG with an empty Huffman table", bytes: jpeg(quantization, frame, table([], 0), whole) };
  yield {
    name: "JPEG with Huffman table 15",
    bytes: jpeg(frame, jpegSegment(0xc4, [0x1f, 1], new Uint8Array(16)), whole),
  };
  yield { name: "JPEG without tables", bytes: jpeg(frame, whole) };
  yield { name: "JPEG without a frame", bytes: jpeg(quantization, whole) };
  yield {
    name: "JPEG with a scan of 4 unknown parts",
    bytes: jpeg(quantization, frame, scan(4, 9, 0, 8, 0, 7, 0, 6, 0, 0, 63, 0)),
  };
  yield {
    name: "JPEG with a wrong spectrum",
    bytes: jpeg(quantization, jpegFrame(64, 64, 0xc2, 1), scan(1, 1, 0, 63, 1, 0xff)),
  };
  yield { name: "JPEG with no components", bytes: jpeg(quantization, jpegFrame(64, 64, 0xc0, 0), whole) };
  yield { name: "JPEG with 5 components", bytes: jpeg(quantization, jpegFrame(64, 64, 0xc0, 5), whole) };
  const sampling = (shares: number): Uint8Array => jpegSegment(0xc0, [8, 0, 64, 0, 64, 1, 1, shares, 0]);
  yield { name: "JPEG with no samples", bytes: jpeg(quantization, sampling(0x00), whole) };
  yield { name: "JPEG with 15 x 15 samples", bytes: jpeg(quantization, sampling(0xff), whole) };
  yield { name: "JPEG with a quantization table of no bytes", bytes: jpeg(jpegSegment(0xdb), frame, whole) };
  yield { name: "lossless JPEG", bytes: jpeg(jpegFrame(64, 64, 0xc3, 1), whole) };
  yield { name: "arithmetic-coded JPEG", bytes: jpeg(jpegFrame(64, 64, 0xc9, 1), whole) };
  yield { name: "JPEG with 12 bits", bytes: jpeg(jpegFrame(64, 64, 0xc1, 1, 12), whole) };
  yield { name: "JPEG with a segment of 1 byte", bytes: jpeg([0xff, 0xe0, 0, 1], frame) };
  yield { name: "JPEG with its end at the beginning", bytes: jpeg([0xff, 0xd9], frame, whole) };
  yield {
    name: "JPEG with restarts only",
    bytes: jpeg(quantization, frame, jpegSegment(0xdd, [0, 1]), whole, Buffer.alloc(20_000, "\xff\xd0", "latin1")),
  };
}

function* badWebps(): Generator<HostilePicture> {
  const good = sample("lossy.webp");
  const withLength = (at: number, length: number): Uint8Array => {
    const copy = Uint8Array.from(good);
    copy.set(little(length, 4), at);
    return copy;
  };
  yield { name: "WebP with a file length of 0", bytes: withLength(4, 0) };
  yield { name: "WebP with a file length of 4 GiB", bytes: withLength(4, 0xffffffff) };
  yield { name: "WebP with a chunk length of 0", bytes: withLength(16, 0) };
  yield { name: "WebP with an odd chunk length", bytes: withLength(16, 33) };
  yield { name: "WebP with a chunk length of 4 GiB", bytes: withLength(16, 0xffffffff) };
  yield { name: "WebP with a header only", bytes: webpFile(webpHeader(27, 18)) };
  yield { name: "WebP without chunks", bytes: webpFile() };
  yield { name: "WebP with alpha only", bytes: webpFile(webpHeader(27, 18, 16), riffChunk("ALPH", [1, 2, 3])) };
  const bad = riffChunk("ALPH", [0xff], new Uint8Array(50).fill(0xa5));
  yield { name: "WebP with bad alpha", bytes: webpFile(webpHeader(27, 18, 16), bad, good.subarray(12)) };
  const huffman = riffChunk("VP8L", [0x2f], little(26 + 17 * 0x4000, 4), new Uint8Array(2_000).fill(0xff));
  yield { name: "lossless WebP of ones", bytes: webpFile(huffman) };
  const animation = (...frame: readonly Part[]): Uint8Array =>
    webpFile(webpHeader(27, 18, 2), riffChunk("ANIM", new Uint8Array(6)), riffChunk("ANMF", ...frame));
  const place = (left: number, width: number): Uint8Array =>
    join(little(left, 3), little(0, 3), little(width - 1, 3), little(17, 3), new Uint8Array(4));
  yield { name: "animated WebP with an empty frame", bytes: animation() };
  yield { name: "animated WebP with a frame outside of the canvas", bytes: animation(place(9, 27), good.subarray(12)) };
  yield { name: "animated WebP with a frame of another size", bytes: animation(place(0, 12), good.subarray(12)) };
  yield { name: "animated WebP in a frame", bytes: animation(place(0, 27), sample("animated.webp")) };
}

function* badGifs(): Generator<HostilePicture> {
  const size = { width: 64, height: 64 };
  const frame = (codeBits: number, ...codes: readonly Part[]): Uint8Array =>
    join(gifHeader(64, 64), gifFrame(size, codeBits, ...codes), [0x3b]);
  for (const bits of [0, 1, 9, 12, 255]) {
    yield { name: `GIF with codes of ${bits} bits`, bytes: frame(bits, new Uint8Array(100).fill(0x5a)) };
  }
  yield { name: "GIF with codes that do not exist", bytes: frame(2, new Uint8Array(255).fill(0xff)) };
  yield {
    name: "GIF with clear codes only",
    bytes: frame(2, ...Array.from({ length: 4_000 }, () => new Uint8Array(255).fill(0x24))),
  };
  yield { name: "GIF with no codes", bytes: frame(2) };
  yield {
    name: "GIF with a frame of no pixels",
    bytes: join(gifHeader(64, 64), gifFrame({ width: 0, height: 0 }, 2, [0x44, 1])),
  };
  yield { name: "GIF without a frame", bytes: join(gifHeader(64, 64), [0x3b]) };
  yield {
    name: "GIF without a palette",
    bytes: join("GIF89a", little(64, 2), little(64, 2), [0, 0, 0], gifFrame(size, 2, [0x44, 1])),
  };
  yield {
    name: "GIF with an endless extension",
    bytes: join(gifHeader(64, 64), [0x21, 0xfe], new Uint8Array(1 << 20).fill(1)),
  };
}

function* badPngs(): Generator<HostilePicture> {
  const good = encodePng(gradientPicture(16, 16, 3));
  const [header, data] = [good.subarray(8, 33), good.subarray(33)];
  const file = (...chunks: readonly Uint8Array[]): Uint8Array => join(pngBegin, ...chunks);
  yield { name: "PNG without data", bytes: file(header, pngChunk("IEND")) };
  yield { name: "PNG with two headers", bytes: file(header, pngHeader(60_000, 60_000), data) };
  yield {
    name: "PNG with data that is not compressed",
    bytes: file(header, pngChunk("IDAT", new Uint8Array(800)), pngChunk("IEND")),
  };
  yield {
    name: "PNG with filter 9",
    bytes: file(header, pngChunk("IDAT", deflateSync(new Uint8Array(784).fill(9))), pngChunk("IEND")),
  };
  yield { name: "PNG with a chunk length of 4 GiB", bytes: file(header, join([0xff, 0xff, 0xff, 0xff], "IDAT"), data) };
  yield {
    name: "PNG with a wrong checksum",
    bytes: file(header, data.subarray(0, -16), join([1, 2, 3, 4]), data.subarray(-12)),
  };
  yield { name: "PNG with an Apple chunk", bytes: file(pngChunk("CgBI", [0x50, 0, 0x20, 2]), header, data) };
  const animation = [pngChunk("acTL", big(1_000_000, 4), big(0, 4)), pngChunk("fdAT", inflatesTo(64))];
  yield { name: "animated PNG", bytes: file(header, ...animation, data) };
  const palette = (colors: number): Uint8Array => pngChunk("PLTE", new Uint8Array(colors * 3));
  const indexed = pngChunk("IDAT", deflateSync(new Uint8Array(17 * 16).fill(200)));
  const head = pngHeader(16, 16, 3);
  yield { name: "PNG with indexes beyond its palette", bytes: file(head, palette(2), indexed, pngChunk("IEND")) };
  yield { name: "PNG with 1,000 colours", bytes: file(head, palette(1_000), indexed, pngChunk("IEND")) };
  const clear = pngChunk("tRNS", new Uint8Array(300));
  yield {
    name: "PNG with more transparency than colours",
    bytes: file(head, palette(2), clear, indexed, pngChunk("IEND")),
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
