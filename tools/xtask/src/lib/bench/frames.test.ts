// Tests that frames come out whole, however the bytes are cut.
import { describe, expect, it } from "vitest";
import { createFrameCutter } from "./frames.ts";

const body = 'id: 0\nevent: token\ndata: {"text":"ä漢"}\n\n: ping\n\ndata: {"a":1}\n\ndata: [DONE]\n\n';
const expected = ['{"text":"ä漢"}', '{"a":1}', "[DONE]"];

describe("createFrameCutter", () => {
  it("gives the data of each frame, wherever the bytes are cut", () => {
    const bytes = Buffer.from(body);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const seen: string[] = [];
      const cutter = createFrameCutter((data) => seen.push(data));
      cutter.push(bytes.subarray(0, cut));
      cutter.push(bytes.subarray(cut));
      expect(seen, `cut at ${cut}`).toEqual(expected);
    }
  });

  it("takes all the frames of one chunk and leaves an unfinished one", () => {
    const seen: string[] = [];
    createFrameCutter((data) => seen.push(data)).push(Buffer.from("data: 1\n\ndata: 2\n\ndata: 3\n"));
    expect(seen).toEqual(["1", "2"]);
  });

  it("refuses a frame without an end", () => {
    const cutter = createFrameCutter(() => {});
    expect(() => {
      for (let i = 0; i < 20; i++) cutter.push(Buffer.alloc(100_000, "x"));
    }).toThrow(/longer than/);
  });
});
