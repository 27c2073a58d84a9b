import type { GenerateWork } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { fitText, fittingPictures, picturesOf } from "./fit-result.ts";
import type { PictureRoom, Room } from "./fit-result.ts";

/** A context of 1,000 tokens with 200 in use; the counted text has a token for every `charsPerToken` characters. */
function room(more: Partial<Room> & { readonly charsPerToken?: number } = {}): Room & { readonly counted: number[] } {
  const counted: number[] = [];
  return {
    ...{ context: 1_000, used: 200, results: 1, counted },
    async count(text) {
      counted.push(text.length);
      return await Promise.resolve(200 + Math.ceil(text.length / (more.charsPerToken ?? 4)));
    },
    ...more,
  };
}

const note = /\n\[The result has (\d+) characters\. The last (\d+) are left out/;

describe("the text of a result", () => {
  it("is whole if it fits even with one token for each byte, and then nothing is counted", async () => {
    const one = room();
    expect(await fitText("x".repeat(500), one)).toBe("x".repeat(500));
    expect(one.counted).toEqual([]);
  });

  it("is whole if the engine's count fits", async () => {
    expect(await fitText("x".repeat(2_000), room())).toBe("x".repeat(2_000));
  });

  it("is cut to the room, and says how much is missing", async () => {
    const text = await fitText("x".repeat(100_000), room());
    const [, whole, left] = note.exec(text) ?? [];
    const kept = text.replace(note, "").replace(/:.*\]$/s, "").length;
    expect([Number(whole), kept + Number(left)]).toEqual([100_000, 100_000]);
    // 875 tokens without the answer's eighth, less 200 in use and 96 for the message.
    expect(kept / 4).toBeGreaterThan(400);
    expect(kept / 4).toBeLessThanOrEqual(579);
  });

  it("leaves an equal part to the results that are still to come", async () => {
    const lengthFor = async (results: number): Promise<number> =>
      (await fitText("x".repeat(100_000), room({ results }))).length;
    expect(await lengthFor(3)).toBeLessThan((await lengthFor(1)) / 2);
  });

  it("is a note alone if the context is full", async () => {
    const full = room({ used: 990, count: async (text) => await Promise.resolve(990 + text.length) });
    expect(await fitText("abc ".repeat(500), full)).toBe("[Left out: the context is full.]");
  });

  it("never ends with half of a character", async () => {
    // One of the two would be cut in the middle of a character.
    for (const start of ["", "x"])
      expect(await fitText(start + "😀".repeat(20_000), room({ charsPerToken: 3 }))).not.toMatch(/\p{Surrogate}/u);
  });

  it("is cut without the engine too, for four tokens in a character", async () => {
    const away = async (): Promise<never> => await Promise.reject(new WaggleError("unavailable", "It restarts."));
    const text = await fitText("x".repeat(10_000), room({ count: away }));
    expect(text.replace(note, "").length).toBeLessThan(300);
    expect(await fitText("short", room({ used: undefined, count: away }))).toBe("short");
    await expect(fitText("x".repeat(10_000), room({ count: () => Promise.reject(new Error("bug")) }))).rejects.toThrow(
      "bug",
    );
  });

  it("is whole while nothing is known of the context", async () => {
    expect(await fitText("x".repeat(10_000), room({ context: undefined }))).toHaveLength(10_000);
  });
});

it.each([
  ["all that fit", 1_000, 4],
  ["the first ones", 300, 2],
  ["none in a full context", 100, 0],
  ["all while nothing is known of the context", undefined, 4],
])("of a result's pictures the model gets %s", async (_, context, left) => {
  const count = async (pictures: number): Promise<number> => await Promise.resolve(100 + 80 * pictures);
  expect(await fittingPictures(4, context, count)).toBe(left);
});

it("a result's pictures stay if the engine cannot count", async () => {
  const away = async (): Promise<never> => await Promise.reject(new WaggleError("unavailable", "It restarts."));
  expect(await fittingPictures(4, 100, away)).toBe(4);
});

describe("the pictures of a result", () => {
  const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  const limits = { maxPictureBytes: 1_000, maxPictures: 2, maxPicturesBytes: 1_000 };

  function read(data: readonly string[], more: Partial<PictureRoom> = {}) {
    const held: string[] = [];
    const outcome = {
      ...{ kind: "done" as const, text: "" },
      pictures: data.map((one) => ({ mimeType: "image/png", data: one })),
    };
    const result = picturesOf(outcome, {
      ...{ client: "c", sees: true, work: { pictures: undefined } as GenerateWork, limits },
      budget: { hold: (_, picture) => ({ picture, release: () => {} }) },
      onHeld: ({ picture }) => held.push(picture.sha256),
      ...more,
    });
    return { ...result, held };
  }

  it("reach a model that sees, and count", () => {
    const { pictures, note: left, held } = read([png]);
    expect([pictures.length, left, held.length]).toEqual([1, "", 1]);
  });

  it.each<readonly [string, readonly string[], Partial<PictureRoom>, RegExp]>([
    ["the model reads none", [png], { sees: false }, /picture 1 of the result: the model reads no pictures/],
    ["it is no picture", [Buffer.from("<svg/>").toString("base64")], {}, /picture 1 of the result/],
    ["there are too many", [png], { limits: { ...limits, maxPictures: 0 } }, /the conversation has too many pictures/],
    [
      "the pictures of all jobs are too many",
      [png],
      {
        budget: {
          hold: () => {
            throw new WaggleError("resource_exhausted", "Cannot accept it.");
          },
        },
      },
      /Cannot accept it\.?\]/,
    ],
  ])("become a note if %s", (_, data, more, why) => {
    const { pictures, note: left } = read(data, more);
    expect([pictures, left]).toEqual([[], expect.stringMatching(why)]);
  });
});
