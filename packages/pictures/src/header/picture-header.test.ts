// Headers that are made here byte by byte.
import { describe, expect, it } from "vitest";
import { pictureLimits } from "../limits.ts";
import {
  exif,
  exifSegment,
  gifHeader,
  join,
  jpegFrame,
  jpegSegment,
  little,
  pngBegin,
  pngChunk,
  pngHeader,
  riffChunk,
  webpFile,
  webpHeader,
  type FilePart,
} from "../testing/file-parts.ts";
import { readPictureHeader } from "./picture-header.ts";

const png = (width: number, height: number, ...more: Uint8Array[]): Uint8Array =>
  join(pngBegin, pngHeader(width, height), ...more, pngChunk("IDAT", "x"));
const jpeg = (...segments: readonly FilePart[]): Uint8Array => join([0xff, 0xd8], ...segments);
const scan = jpegSegment(0xda, "123456");

const size = (bytes: Uint8Array): string => {
  const { format, width, height } = readPictureHeader(bytes, "picture 2");
  return `${format} ${width} x ${height}`;
};

describe("the size of a picture", () => {
  it("is in the header of each format", () => {
    expect(size(png(640, 480))).toBe("png 640 x 480");
    expect(size(jpeg(jpegSegment(0xe0, "JFIF\0"), jpegFrame(640, 480), scan))).toBe("jpeg 640 x 480");
    expect(size(jpeg([0xff, 0xff], jpegFrame(640, 480, 0xc2), scan))).toBe("jpeg 640 x 480");
    expect(
      size(webpFile(riffChunk("VP8 ", [0, 0, 0, 0x9d, 0x01, 0x2a], little(640 + 0x4000, 2), little(480, 2)))),
    ).toBe("webp 640 x 480");
    expect(size(webpFile(riffChunk("VP8L", [0x2f], little(639 + 479 * 0x4000, 4))))).toBe("webp 640 x 480");
    expect(size(webpFile(webpHeader(65_000, 480)))).toBe("webp 65000 x 480");
    expect(size(gifHeader(640, 480))).toBe("gif 640 x 480");
  });

  it("is read from a view into a larger buffer", () => {
    const file = gifHeader(3, 2);
    expect(size(join("before", file).subarray(6))).toBe("gif 3 x 2");
  });

  it("has width and height swapped where EXIF turns the picture by 90 degrees", () => {
    for (const orientation of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const turned = orientation < 5 ? "4 x 3" : "3 x 4";
      for (const isLittle of [true, false]) {
        const metadata = exif(orientation, isLittle);
        expect(size(jpeg(exifSegment(metadata), jpegFrame(4, 3), scan))).toBe(`jpeg ${turned}`);
        expect(size(png(4, 3, pngChunk("eXIf", metadata)))).toBe(`png ${turned}`);
        expect(size(webpFile(webpHeader(4, 3, 8), riffChunk("VP8 ", "odd"), riffChunk("EXIF", metadata)))).toBe(
          `webp ${turned}`,
        );
        expect(size(webpFile(webpHeader(4, 3, 8), riffChunk("EXIF", "Exif\0\0", metadata)))).toBe(`webp ${turned}`);
      }
    }
  });

  it("is as stored where the EXIF metadata is damaged", () => {
    const broken = [exif(9), exif(6).subarray(0, 30), join("XX"), join("MM", [0, 42], [0xff, 0xff, 0xff, 0xff])];
    for (const metadata of broken) {
      expect(size(jpeg(exifSegment(metadata), jpegFrame(4, 3), scan))).toBe("jpeg 4 x 3");
    }
    expect(size(jpeg(jpegSegment(0xe1, "http://ns.adobe.com/xap/1.0/"), exifSegment(exif(6)), jpegFrame(4, 3)))).toBe(
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
    expect(() => readPictureHeader(join("?"), "picture 3 of message 5")).toThrow(
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
      expect(problem(join(text))).toBe(`it is ${name}, not a PNG, JPEG, WebP or GIF file.`);
    }
    for (const text of ["plain text", "RIFF\0\0\0\0WAVEfmt ", "GIF88a", "BMW", "<b>"]) {
      expect(problem(join(text))).toBe("it is not a PNG, JPEG, WebP or GIF file.");
    }
  });

  it("says that the header is incomplete, wherever the file ends in it", () => {
    const files = {
      PNG: png(4, 3).subarray(0, 24),
      JPEG: jpeg(exifSegment(exif(6)), jpegFrame(4, 3)).subarray(0, -6),
      WebP: webpFile(webpHeader(4, 3)),
      GIF: gifHeader(4, 3).subarray(0, 10),
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
    expect(problem(join(""))).toBe("its file is empty (0 bytes).");
  });

  it("says that the header is damaged", () => {
    expect(problem(join("\x89PNG\r\n\x1a\n", pngChunk("CgBI", "1234"), png(4, 3).subarray(8)))).toBe(
      "its PNG file does not begin with IHDR.",
    );
    expect(problem(jpeg(jpegFrame(4, 3, 0xc9)))).toBe("its JPEG file is lossless, hierarchical or arithmetic-coded.");
    expect(problem(jpeg(jpegFrame(4, 3, 0xc1, 3, 12)))).toBe("its JPEG file has 12 bits per sample instead of 8.");
    expect(problem(jpeg(scan))).toBe("its JPEG header does not say how large it is.");
    expect(problem(join([0xff, 0xd8, 0xff, 0xd9]))).toBe("its JPEG file has no pixels.");
    const skipped = (count: number): Uint8Array => jpeg(jpegSegment(0xe0), new Uint8Array(count), jpegFrame(4, 3));
    expect(size(skipped(65_536))).toBe("jpeg 4 x 3");
    expect(problem(skipped(65_537))).toBe("its JPEG header is damaged: a marker is missing.");
    expect(problem(webpFile(riffChunk("JUNK", "12345678")))).toBe("its WebP header is damaged: it names no codec.");
    expect(problem(webpFile(riffChunk("VP8 ", "1234567890")))).toBe("its WebP header is damaged.");
    expect(problem(webpFile(riffChunk("VP8L", "1234567890")))).toBe("its WebP header is damaged.");
  });

  it("says how many pixels there are, where it has no pixels or too many", () => {
    expect(problem(png(0, 480))).toBe("it has 0 x 480 pixels.");
    expect(problem(jpeg(jpegFrame(640, 0)))).toBe("it has 640 x 0 pixels.");
    expect(problem(gifHeader(0, 0))).toBe("it has 0 x 0 pixels.");
    expect(problem(png(4_294_967_295, 1))).toBe("it has 4294967295 x 1 pixels, more than 65535 on a side.");
    expect(problem(gifHeader(60_000, 60_000))).toBe(
      "it has 60000 x 60000 pixels, more than 50 million. Scale it down.",
    );
    expect(size(png(10_000, 5_000))).toBe("png 10000 x 5000");
    expect(problem(png(10_000, 5_001))).toBe("it has 10000 x 5001 pixels, more than 50 million. Scale it down.");
  });

  it("says that the picture is too thin", () => {
    expect([size(png(200, 1)), size(png(3, 600))]).toEqual(["png 200 x 1", "png 3 x 600"]);
    expect(problem(png(201, 1))).toBe("it has 201 x 1 pixels: one side is more than 200 times as long as the other.");
    expect(problem(gifHeader(2, 60_000))).toMatch(/^it has 2 x 60000 pixels: one side is more than 200 times/);
  });

  it("says how large the file is, where it is too large", () => {
    const file = new Uint8Array(pictureLimits.fileBytes + 1);
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
      return join(bytes, jpegFrame(4, 3));
    };
    expect(size(segments(4_095))).toBe("jpeg 4 x 3");
    expect(() => size(segments(4_096))).toThrow("its JPEG header has more than 4096 segments");
    const chunks = Array.from({ length: 16_384 }, () => pngChunk("tEXt", ""));
    expect(() => size(png(4, 3, ...chunks))).toThrow("its PNG file has more than 16384 chunks");
    expect(() => size(webpFile(webpHeader(4, 3, 8), join("JUNK\0\0\0\0".repeat(4_096))))).toThrow(
      "its WebP file has more than 4096 chunks",
    );
  });

  it("is read where the metadata is long", () => {
    expect(size(png(4, 3, pngChunk("iCCP", new Uint8Array(8 << 20)), pngChunk("eXIf", exif(6))))).toBe("png 3 x 4");
    const comments = Array.from({ length: 128 }, () => jpegSegment(0xfe, new Uint8Array(65_533)));
    expect(size(jpeg(...comments, exifSegment(exif(6)), jpegFrame(4, 3)))).toBe("jpeg 3 x 4");
  });
});
