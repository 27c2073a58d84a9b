// Headers that are made here byte by byte.
import { describe, expect, it } from "vitest";
import { pictureLimits } from "../limits.ts";
import { readPictureHeader } from "./picture-header.ts";

const latin = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const join = (...parts: readonly (string | readonly number[] | Uint8Array)[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(typeof part === "string" ? latin(part) : part))));
const big = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** (bytes - 1 - i)) % 256);
const little = (value: number, bytes: number): number[] => big(value, bytes).toReversed();

/** EXIF metadata with another tag before the orientation. */
const exif = (orientation: number, isLittle = false): Uint8Array => {
  const n = isLittle ? little : big;
  const entry = (tag: number, value: number): number[] => [
    ...n(tag, 2),
    ...n(3, 2),
    ...n(1, 4),
    ...n(value, 2),
    ...n(0, 2),
  ];
  return join(isLittle ? "II" : "MM", n(42, 2), n(8, 4), n(2, 2), entry(0x0100, 9), entry(0x0112, orientation));
};
const chunk = (type: string, data: Uint8Array): Uint8Array => join(big(data.length, 4), type, data, [0, 0, 0, 0]);
const png = (width: number, height: number, ...more: Uint8Array[]): Uint8Array =>
  join(
    "\x89PNG\r\n\x1a\n",
    chunk("IHDR", join(big(width, 4), big(height, 4), [8, 2, 0, 0, 0])),
    ...more,
    chunk("IDAT", latin("x")),
  );
const segment = (marker: number, data: Uint8Array): Uint8Array => join([0xff, marker], big(data.length + 2, 2), data);
const frame = (width: number, height: number, marker = 0xc0, bits = 8): Uint8Array =>
  segment(marker, join([bits], big(height, 2), big(width, 2), [3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]));
const jpeg = (...segments: Uint8Array[]): Uint8Array => join([0xff, 0xd8], ...segments);
const exifSegment = (value: Uint8Array): Uint8Array => segment(0xe1, join("Exif\0\0", value));
const scan = segment(0xda, latin("123456"));
const part = (type: string, data: Uint8Array): Uint8Array =>
  join(type, little(data.length, 4), data, data.length % 2 === 1 ? [0] : []);
const webp = (...parts: Uint8Array[]): Uint8Array =>
  join("RIFF", little(join(...parts).length + 4, 4), "WEBP", ...parts);
const vp8x = (width: number, height: number, flags = 0): Uint8Array =>
  part("VP8X", join([flags, 0, 0, 0], little(width - 1, 3), little(height - 1, 3)));
const gif = (width: number, height: number): Uint8Array =>
  join("GIF89a", little(width, 2), little(height, 2), [0x80, 0, 0]);

const size = (bytes: Uint8Array): string => {
  const { format, width, height } = readPictureHeader(bytes, "picture 2");
  return `${format} ${width} x ${height}`;
};

describe("the size of a picture", () => {
  it("is in the header of each format", () => {
    expect(size(png(640, 480))).toBe("png 640 x 480");
    expect(size(jpeg(segment(0xe0, latin("JFIF\0")), frame(640, 480), scan))).toBe("jpeg 640 x 480");
    expect(size(jpeg(latin("\xff\xff"), frame(640, 480, 0xc2), scan))).toBe("jpeg 640 x 480");
    expect(size(webp(part("VP8 ", join([0, 0, 0, 0x9d, 0x01, 0x2a], little(640 + 0x4000, 2), little(480, 2)))))).toBe(
      "webp 640 x 480",
    );
    expect(size(webp(part("VP8L", join([0x2f], little(639 + 479 * 0x4000, 4)))))).toBe("webp 640 x 480");
    expect(size(webp(vp8x(65_000, 480)))).toBe("webp 65000 x 480");
    expect(size(gif(640, 480))).toBe("gif 640 x 480");
  });

  it("is read from a view into a larger buffer", () => {
    const file = gif(3, 2);
    expect(size(join("before", file).subarray(6))).toBe("gif 3 x 2");
  });

  it("has width and height swapped where EXIF turns the picture by 90 degrees", () => {
    for (const orientation of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const turned = orientation < 5 ? "4 x 3" : "3 x 4";
      for (const isLittle of [true, false]) {
        const metadata = exif(orientation, isLittle);
        expect(size(jpeg(exifSegment(metadata), frame(4, 3), scan))).toBe(`jpeg ${turned}`);
        expect(size(png(4, 3, chunk("eXIf", metadata)))).toBe(`png ${turned}`);
        expect(size(webp(vp8x(4, 3, 8), part("VP8 ", latin("odd")), part("EXIF", metadata)))).toBe(`webp ${turned}`);
        expect(size(webp(vp8x(4, 3, 8), part("EXIF", join("Exif\0\0", metadata))))).toBe(`webp ${turned}`);
      }
    }
  });

  it("is as stored where the EXIF metadata is damaged", () => {
    const broken = [exif(9), exif(6).subarray(0, 30), latin("XX"), join("MM", [0, 42], [0xff, 0xff, 0xff, 0xff])];
    for (const metadata of broken) {
      expect(size(jpeg(exifSegment(metadata), frame(4, 3), scan))).toBe("jpeg 4 x 3");
    }
    expect(size(jpeg(segment(0xe1, latin("http://ns.adobe.com/xap/1.0/")), exifSegment(exif(6)), frame(4, 3)))).toBe(
      "jpeg 3 x 4",
    );
  });
});

describe("an error", () => {
  const problem = (bytes: Uint8Array): string => {
    try {
      return size(bytes);
    } catch (error) {
      expect(error).toMatchObject({ name: "WaggleError", code: "invalid_argument" });
      return (error as Error).message.replace("Cannot read picture 2: ", "");
    }
  };

  it("names the picture", () => {
    expect(() => readPictureHeader(latin("?"), "picture 3 of message 5")).toThrow(
      "Cannot read picture 3 of message 5: it is not a PNG, JPEG, WebP or GIF file.",
    );
  });

  it("names other formats", () => {
    const others: readonly (readonly [string, string])[] = [
      ["<svg xmlns='http://www.w3.org/2000/svg'>", "an SVG file"],
      ['\xef\xbb\xbf<?xml version="1.0"?>\n<!-- made by hand -->\n<svg>', "an SVG file"],
      ["<!DOCTYPE html><title>Not found</title>", "an HTML page"],
      ["BM" + "\0".repeat(12) + "\x28\0\0\0", "a BMP file"],
      ["\0\0\0\x1cftypavif", "an AVIF file"],
      ["\0\0\0\x18ftypheic", "a HEIC file"],
      ["\0\0\0\x18ftypmif1", "a HEIC file"],
      ["II*\0\x08\0\0\0", "a TIFF file"],
      ["MM\0*\0\0\0\x08", "a TIFF file"],
      ["%PDF-1.7", "a PDF file"],
      ["\xff\x0a\xfa", "a JPEG XL file"],
      ["\0\0\0\x0cjP  \r\n", "a JPEG 2000 file"],
      ["\0\0\x01\0\x01\0", "an icon"],
      ["8BPS\0\x01", "a Photoshop file"],
    ];
    for (const [text, name] of others) {
      expect(problem(latin(text))).toBe(`it is ${name}, not a PNG, JPEG, WebP or GIF file.`);
    }
    for (const text of ["plain text", "RIFF\0\0\0\0WAVEfmt ", "GIF88a", "BMW", "<b>"]) {
      expect(problem(latin(text))).toBe("it is not a PNG, JPEG, WebP or GIF file.");
    }
  });

  it("says that the header is incomplete, wherever the file ends in it", () => {
    const files = {
      PNG: png(4, 3).subarray(0, 24),
      JPEG: jpeg(exifSegment(exif(6)), frame(4, 3)).subarray(0, -6),
      WebP: webp(vp8x(4, 3)),
      GIF: gif(4, 3).subarray(0, 10),
    };
    const begins = { PNG: 8, JPEG: 3, WebP: 12, GIF: 6 };
    for (const [format, file] of Object.entries(files)) {
      for (let length = begins[format as keyof typeof files]; length < file.length; length += 1) {
        // The last fields of the frame of a JPEG file say nothing of its size.
        if (format === "JPEG" && length > file.length - 6) continue;
        const ends = `its ${format} header is incomplete; the file ends after ${length} bytes.`;
        expect(problem(file.subarray(0, length))).toBe(ends);
      }
    }
    expect(problem(latin(""))).toBe("its file is empty (0 bytes).");
  });

  it("says that the header is damaged", () => {
    expect(problem(join("\x89PNG\r\n\x1a\n", chunk("CgBI", latin("1234")), png(4, 3).subarray(8)))).toBe(
      "its PNG file does not begin with IHDR.",
    );
    expect(problem(jpeg(frame(4, 3, 0xc9)))).toBe("its JPEG file is lossless, hierarchical or arithmetic-coded.");
    expect(problem(jpeg(frame(4, 3, 0xc1, 12)))).toBe("its JPEG file has 12 bits per sample instead of 8.");
    expect(problem(jpeg(scan))).toBe("its JPEG header does not say how large it is.");
    expect(problem(join([0xff, 0xd8, 0xff, 0xd9]))).toBe("its JPEG file has no pixels.");
    expect(problem(jpeg(segment(0xe0, latin("x")), latin("x"), frame(4, 3)))).toBe(
      "its JPEG header is damaged: a marker is missing.",
    );
    expect(problem(webp(part("JUNK", latin("12345678"))))).toBe("its WebP header is damaged: it names no codec.");
    expect(problem(webp(part("VP8 ", latin("1234567890"))))).toBe("its WebP header is damaged.");
    expect(problem(webp(part("VP8L", latin("1234567890"))))).toBe("its WebP header is damaged.");
  });

  it("says how many pixels there are, where it has no pixels or too many", () => {
    expect(problem(png(0, 480))).toBe("it has 0 x 480 pixels.");
    expect(problem(jpeg(frame(640, 0)))).toBe("it has 640 x 0 pixels.");
    expect(problem(gif(0, 0))).toBe("it has 0 x 0 pixels.");
    expect(problem(png(4_294_967_295, 1))).toBe("it has 4294967295 x 1 pixels, more than 65535 on a side.");
    expect(problem(gif(60_000, 60_000))).toBe("it has 60000 x 60000 pixels, more than 50 million. Scale it down.");
    expect(size(png(10_000, 5_000))).toBe("png 10000 x 5000");
    expect(problem(png(10_000, 5_001))).toBe("it has 10000 x 5001 pixels, more than 50 million. Scale it down.");
  });

  it("says how large the file is, where it is too large", () => {
    const file = new Uint8Array(pictureLimits.fileBytes + (1 << 20));
    file.set(png(4, 3));
    expect(size(file.subarray(0, pictureLimits.fileBytes))).toBe("png 4 x 3");
    expect(problem(file)).toBe("its file has 33 MiB, more than 32 MiB.");
  });
});

describe("a header with much metadata", () => {
  it("is refused from a number of parts on, so that it takes no time", () => {
    const segments = (count: number): Uint8Array => {
      const bytes = new Uint8Array(2 + count * 4);
      bytes.set([0xff, 0xd8]);
      for (let i = 0; i < count; i += 1) bytes.set([0xff, 0xfe, 0, 2], 2 + i * 4);
      return join(bytes, frame(4, 3));
    };
    expect(size(segments(4_095))).toBe("jpeg 4 x 3");
    expect(() => size(segments(4_096))).toThrow("its JPEG header has more than 4096 segments");
    const chunks = Array.from({ length: 16_384 }, () => chunk("tEXt", latin("")));
    expect(() => size(png(4, 3, ...chunks))).toThrow("its PNG file has more than 16384 chunks");
    expect(() => size(webp(vp8x(4, 3, 8), latin("JUNK\0\0\0\0".repeat(4_096))))).toThrow(
      "its WebP file has more than 4096 chunks",
    );
  });

  it("is read where the metadata is long", () => {
    expect(size(png(4, 3, chunk("iCCP", new Uint8Array(8 << 20)), chunk("eXIf", exif(6))))).toBe("png 3 x 4");
    const comments = Array.from({ length: 128 }, () => segment(0xfe, new Uint8Array(65_533)));
    expect(size(jpeg(...comments, exifSegment(exif(6)), frame(4, 3)))).toBe("jpeg 3 x 4");
  });
});
