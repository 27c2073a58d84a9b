// Shows how files are written into a message, and which bytes count as text.
import { describe, expect, it } from "vitest";
import { attachmentWords } from "./attachment-words.ts";
import { withAttachments, type Attachment } from "./attachment.ts";
import { sightOf } from "../pictures/sight.ts";
import { decodeTextFile, readFile } from "./read-file.ts";

function attachment(name: string, text: string): Attachment {
  return { id: name, name, bytes: text.length, text };
}

describe("the message", () => {
  it("has each file in a frame with its name, and the message's text below", () => {
    expect(withAttachments("Compare them.", [attachment("a.txt", "one\n"), attachment("b.txt", "two")])).toBe(
      "File: a.txt\n```\none\n```\n\nFile: b.txt\n```\ntwo\n```\n\nCompare them.",
    );
  });

  it("has only the file if it has no text, and only the text if it has no file", () => {
    expect(withAttachments("  ", [attachment("a.txt", "one")])).toBe("File: a.txt\n```\none\n```");
    expect(withAttachments(" hello")).toBe(" hello");
  });

  it("keeps a file with fences within its frame", () => {
    const text = "```js\nlet a;\n```\n````\nmore\n````";
    expect(withAttachments("", [attachment("a.md", text)])).toBe(`File: a.md\n\`\`\`\`\`\n${text}\n\`\`\`\`\``);
  });
});

it("describes a picture by its size", () => {
  const picture = { ...attachment("bee.jpg", ""), bytes: 341_000, picture: { width: 1_200, height: 800 } };
  expect(attachmentWords(picture)).toBe("341 kB · 1,200 × 800 pixels");
  const scaled = { ...picture, picture: { ...picture.picture, scaled: true } } as const;
  expect(attachmentWords(scaled)).toBe("341 kB · 1,200 × 800 pixels (scaled down)");
  expect(withAttachments("Look.", [picture])).toBe("Look.");
});

describe("the text of a file", () => {
  const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(values);

  it("is read as UTF-8, with a byte order mark or without", () => {
    expect(decodeTextFile(new TextEncoder().encode("Bienenstöcke\r\n🐝\n"))).toBe("Bienenstöcke\n🐝\n");
    expect(decodeTextFile(bytes(0xef, 0xbb, 0xbf, 0x61))).toBe("a");
    expect(decodeTextFile(bytes())).toBe("");
  });

  it("is read as UTF-16 with its byte order mark", () => {
    expect(decodeTextFile(bytes(0xff, 0xfe, 0x61, 0, 0xe4, 0))).toBe("aä");
    expect(decodeTextFile(bytes(0xfe, 0xff, 0, 0x61, 0, 0xe4))).toBe("aä");
  });

  it("is read as Windows-1252 if it is not valid UTF-8", () => {
    expect(decodeTextFile(bytes(0x42, 0xe4, 0x72))).toBe("Bär");
  });

  it("is undefined with control characters, as in pictures and archives", () => {
    expect(decodeTextFile(bytes(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a))).toBeUndefined();
    expect(decodeTextFile(bytes(0x61, 0x00, 0x62))).toBeUndefined();
  });
});

it.each([
  ["PK\x03\x04\0\0", "it is neither a picture, a text file nor a PDF."],
  [" \n", "it is empty."],
  ["a".repeat(500_001), "its text has 500,001 characters, and a file may have 500,000."],
  ["a".repeat(5_000_000), "it has 5.0 MB, and a text file may have 4.2 MB."],
])("a file without a readable text is refused: %#", async (text, reason) => {
  const read = await readFile(new File([text], "x"), sightOf(undefined), new AbortController().signal);
  expect(read).toEqual({ kind: "refused", reason });
});
