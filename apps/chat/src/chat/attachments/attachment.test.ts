// Shows how files stand in a message, and which bytes are text.
import { describe, expect, it } from "vitest";
import { withAttachments } from "./attachment.ts";
import type { Attachment } from "./attachment.ts";
import { textOf } from "./read-text.ts";

function attachment(name: string, text: string): Attachment {
  return { id: name, name, bytes: text.length, text };
}

describe("the message", () => {
  it("has each file in a frame with its name, and what was written below", () => {
    expect(withAttachments("Compare them.", [attachment("a.txt", "one\n"), attachment("b.txt", "two")])).toBe(
      "File: a.txt\n```\none\n```\n\nFile: b.txt\n```\ntwo\n```\n\nCompare them.",
    );
  });

  it("is the file alone where nothing was written, and the text alone where there is no file", () => {
    expect(withAttachments("  ", [attachment("a.txt", "one")])).toBe("File: a.txt\n```\none\n```");
    expect(withAttachments(" hello")).toBe(" hello");
  });

  it("lets no file end its own frame", () => {
    const text = "```js\nlet a;\n```\n````\nmore\n````";
    expect(withAttachments("", [attachment("a.md", text)])).toBe(`File: a.md\n\`\`\`\`\`\n${text}\n\`\`\`\`\``);
  });
});

describe("the text of a file", () => {
  const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(values);

  it("is read as UTF-8, with a byte order mark or without", () => {
    expect(textOf(new TextEncoder().encode("Bienenstöcke\r\n🐝\n"))).toBe("Bienenstöcke\n🐝\n");
    expect(textOf(bytes(0xef, 0xbb, 0xbf, 0x61))).toBe("a");
    expect(textOf(bytes())).toBe("");
  });

  it("is read as UTF-16 where a byte order mark says so", () => {
    expect(textOf(bytes(0xff, 0xfe, 0x61, 0, 0xe4, 0))).toBe("aä");
    expect(textOf(bytes(0xfe, 0xff, 0, 0x61, 0, 0xe4))).toBe("aä");
  });

  it("is read as Windows-1252 where it is no UTF-8", () => {
    expect(textOf(bytes(0x42, 0xe4, 0x72))).toBe("Bär");
  });

  it("is none where there are control characters, as in pictures and archives", () => {
    expect(textOf(bytes(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a))).toBeUndefined();
    expect(textOf(bytes(0x61, 0x00, 0x62))).toBeUndefined();
  });
});
