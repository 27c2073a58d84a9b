// Tests the files of scripted models: which bytes a script changes, and by how much the next token's logit leads.
// tests/clients/families.test.ts tests what llama.cpp generates with them.
import { mkdirSync, mkdtempSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { writeScriptedModel, type ScriptedModel } from "./scripted-model.ts";
import { shapeNamed } from "./shapes.ts";

const rowBytes = 136;
const context = 512;
const template = "<|im_start|>{{ messages }}<think></think>";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-scripted-"));
  path = join(folder, "a.gguf");
});

/** The embedding of each position, which decides the next token: 4 blocks of a scale and 32 signed bytes. */
function rowsOf({ bytes }: ScriptedModel): string[] {
  const content = readFileSync(path).subarray(-context * rowBytes);
  expect(statSync(path).size).toBe(bytes);
  return Array.from({ length: context }, (_, place) =>
    content.subarray(place * rowBytes, (place + 1) * rowBytes).toString("hex"),
  );
}

function codeOf(row: string): number[] {
  const bytes = Buffer.from(row, "hex");
  return Array.from({ length: 4 }, (_, block) => {
    expect(bytes.readUInt16LE(block * 34)).toBe(0x3c00);
    return Array.from({ length: 32 }, (_unused, i) => bytes.readInt8(block * 34 + 2 + i));
  }).flat();
}

describe("writeScriptedModel", () => {
  it("gives every position the code of the next token, which is the end where the script has no text", () => {
    const rows = rowsOf(writeScriptedModel({ path, template, context, script: [{ at: 5, say: "abca<think>" }] }));
    const end = rows[0];
    const rowCodes = rows.slice(4, 9);
    expect(new Set(rowCodes).size).toBe(4);
    expect(rowCodes[0]).toBe(rowCodes[3]);
    expect(rowCodes).not.toContain(end);
    expect(new Set([...rows.slice(0, 4), ...rows.slice(9)])).toEqual(new Set([end]));
  });

  it("makes the logit of the next token lead all other logits by at least 30", () => {
    const model = writeScriptedModel({ path, template, context });
    const all = Array.from({ length: 256 }, (_, byte) => byte);
    model.say({ at: 1, say: [...model.markers.keys()].map((token) => ({ token })) });
    const markers = rowsOf(model).slice(0, model.markers.size);
    // The bytes 128 to 255 are parts of characters; these characters have all other bytes and most of the parts.
    model.say({ at: 1, say: String.fromCodePoint(...all.filter((byte) => byte > 0), 0x1_0000, 0x10_0000) });
    const codes = [...new Set([...markers, ...rowsOf(model)])].map(codeOf);
    expect(codes.length).toBeGreaterThan(190);
    for (const [i, code] of codes.entries()) {
      expect(code.reduce((sum, sign) => sum + sign, 0)).toBe(0);
      for (const other of codes.slice(0, i)) {
        const common = code.reduce((sum, sign, at) => sum + sign * (other[at] as number), 0);
        expect((128 - common) / 2).toBeGreaterThanOrEqual(30);
      }
    }
  });

  it("changes only the answers of a file that differs in its script alone, in place", () => {
    const model = writeScriptedModel({ path, template, context });
    const [silent, { ino }] = [readFileSync(path), statSync(path)];
    writeScriptedModel({ path, template, context, script: [{ at: 5, say: "abc" }] });
    expect(statSync(path).ino).toBe(ino);
    expect(readFileSync(path).equals(silent)).toBe(false);
    model.say();
    expect(readFileSync(path).equals(silent)).toBe(true);
  });

  it("writes a new file for another model", () => {
    writeScriptedModel({ path, template, context });
    const reader = statSync(path).ino;
    writeScriptedModel({ path, template: template.replace("messages", "massages"), context });
    expect(statSync(path).ino).not.toBe(reader);
  });

  it("names each template in the file", () => {
    const markers = writeScriptedModel({ path, template, templates: { tool_use: "<tool_call>" }, context }).markers;
    const file = readFileSync(path).toString("latin1");
    for (const key of ["chat_template", "chat_templates", "chat_template.tool_use"]) {
      expect(
        file.split(`tokenizer.${key}${String.fromCodePoint(key === "chat_templates" ? 9 : 8)}\0\0\0`),
      ).toHaveLength(2);
    }
    expect(markers.has("</tool_call>")).toBe(true);
  });

  it("takes the sizes of a shape and its types, and replaces the answers of such a file in place too", () => {
    const shape = {
      ...shapeNamed("15m"),
      layers: 2,
      width: 512,
      heads: 8,
      kvHeads: 2,
      feedForward: 512,
      vocabulary: 300,
    };
    const shares: number[] = [];
    const write = (say: string): ScriptedModel =>
      writeScriptedModel({
        ...{ path, template, context, shape, quantization: "Q4_K_M", script: [{ at: 5, say }] },
        onProgress: (share) => shares.push(share),
      });
    const { bytes } = write("abc");
    const [{ ino }, lastShares] = [statSync(path), shares.slice(-2)];
    expect(lastShares).toEqual([1 - (context * 544) / bytes, 1]);
    const q4 = (weights: number): number => (weights / 256) * 144;
    const q6 = (weights: number): number => (weights / 256) * 210;
    // In each layer: queries, keys and values, the output of attention, and one and a half times two feed-forward matrices.
    const layer = q4(512 * (512 + 2 * 128)) + q4(512 * 512) + q4(512 * 768);
    const down = q4(512 * 768) + q6(512 * 768);
    const matrices = 2 * layer + down + q4(512 * 300) + q6(512 * 300);
    const singles = 4 * (2 * 512 + 2 * (2 * 2 * 512 + 768 + 512 + 768 + 512));
    const header = bytes - context * 544 - matrices - singles;
    expect(header).toBeGreaterThan(0);
    expect(header).toBeLessThan(16_384);
    write("def");
    expect(statSync(path).ino).toBe(ino);
    expect(shares).toHaveLength(shares.lastIndexOf(1) + 1);
  });

  it("refuses an impossible model with its reason", () => {
    const write = (options: object) => () => writeScriptedModel({ path, template, context, ...options });
    expect(write({ context: 0 })).toThrow(/Cannot write .*: a context of 0 tokens/);
    expect(write({ script: [{ at: 2, say: [{ token: "<nope>" }] }] })).toThrow("Cannot say <nope>: the model has no");
    mkdirSync(path);
    expect(write({})).toThrow(/Cannot write .*a\.gguf/);
  });
});
