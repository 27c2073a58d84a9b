import { createHash } from "node:crypto";
import { ChatCompletionRequestSchema, WaggleError, picturePlaces, pictureSource } from "@waggle/protocol";
import type { PicturePlace } from "@waggle/protocol";
import { madeUpPng } from "@waggle/testing";
import { describe, expect, it } from "vitest";
import { createPictureBudget } from "./picture-budget.ts";
import { createRequestPictures } from "./request-pictures.ts";
import type { PictureLimits, ReadingOptions, RequestPictures } from "./request-pictures.ts";

const places = picturePlaces(ChatCompletionRequestSchema) as PicturePlace;
const [red, green, blue] = [madeUpPng(0xff0000), madeUpPng(0x00ff00), madeUpPng(0x0000ff)];
const sourceOf = (bytes: Uint8Array): string => pictureSource(createHash("sha256").update(bytes).digest("hex"));
const reading: ReadingOptions = {
  model: "seer",
  readsPictures: true,
  isNeeded: () => true,
  signal: new AbortController().signal,
};
const budget = createPictureBudget(1 << 20, 1);

interface Options extends Partial<PictureLimits> {
  readonly fetched?: Readonly<Record<string, Uint8Array>>;
}

function start({ fetched = {}, ...limits }: Options = {}): RequestPictures {
  return createRequestPictures({
    limits: { maxPictureBytes: 1 << 20, maxPictures: 10, maxPicturesBytes: 1 << 20, ...limits },
    budget,
    client: () => "a",
    async fetchPicture(url, { name }) {
      // Later URLs answer first.
      for (let turns = 10 - Number(url.at(-1)); turns > 0; turns -= 1) await Promise.resolve();
      const file = fetched[url];
      if (file === undefined) throw new WaggleError("invalid_argument", `Cannot fetch ${name}: it is missing.`);
      return file;
    },
  });
}

function send(pictures: RequestPictures, files: readonly Uint8Array[]): void {
  const content = files.map((bytes) => {
    return { type: "image_url", image_url: { url: `data:;base64,${Buffer.from(bytes).toString("base64")}` } };
  });
  pictures.lifter(places, () => {}).write(Buffer.from(JSON.stringify({ messages: [{ role: "user", content }] })));
}

async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
    return "none";
  } catch (error) {
    expect(error).toBeInstanceOf(WaggleError);
    return `${(error as WaggleError).code}: ${(error as WaggleError).message}`;
  }
}

describe("the pictures of a request", () => {
  it("are found by their hashes, each once, in the order of the prompt", async () => {
    const pictures = start();
    send(pictures, [red, green, red]);
    const { pictures: read, indexOf } = await pictures.read([green, red, green].map(sourceOf), reading);
    expect(read.map(({ bytes }) => bytes)).toEqual([green, red]);
    expect([green, red].map((bytes) => indexOf(sourceOf(bytes)))).toEqual([0, 1]);
    expect(budget.bytes).toBe(red.length + green.length);
    pictures.release();
    expect(budget.bytes).toBe(0);
  });

  it("may come from URLs and from earlier responses, and are the same picture if their bytes are", async () => {
    const pictures = start({ fetched: { "http://a/1": red, "http://a/2": blue, "http://a/3": red } });
    send(pictures, [red]);
    const kept = { sha256: sourceOf(green).slice(7), bytes: green };
    const sources = ["http://a/2", sourceOf(green), "http://a/1", "http://a/3", sourceOf(red)];
    const found = await pictures.read(sources, {
      ...reading,
      kept: (sha256) => (sha256 === kept.sha256 ? kept : undefined),
    });
    expect(found.pictures.map(({ bytes }) => bytes)).toEqual([blue, green, red]);
    expect(sources.map((source) => found.indexOf(source))).toEqual([0, 1, 2, 2, 2]);
    expect(budget.bytes).toBe(red.length + green.length + blue.length);
    pictures.release();
  });

  it.each([
    ["sha256 that the request does not have", sourceOf(red), "it is neither base64 nor a data: URL with base64"],
    ["text", "x", "it is neither base64 nor a data: URL with base64"],
    ["nothing", "", "it is neither base64 nor a data: URL with base64"],
  ])("are refused if they are a %s", async (_, source, why) => {
    const pictures = start();
    send(pictures, [blue]);
    const sources = [sourceOf(blue), source];
    expect(await refusal(() => pictures.read(sources, reading))).toBe(
      `invalid_argument: Cannot read picture 2: ${why}.`,
    );
    pictures.release();
  });

  it("are refused by number if they are no pictures", async () => {
    const pictures = start();
    const svg = Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>");
    const empty = new Uint8Array();
    send(pictures, [red, svg, empty]);
    expect(await refusal(() => pictures.read([red, svg].map(sourceOf), reading))).toContain("Cannot read picture 2: ");
    expect(await refusal(() => pictures.read([empty].map(sourceOf), reading))).toContain("Cannot read picture 1: ");
    pictures.release();
  });

  it("are refused by a model without a projector, before anything is fetched", async () => {
    const message =
      'invalid_argument: Cannot read pictures: the model "seer" has no projector. Send text only, or choose a model with a projector (mmproj-*.gguf next to its file, or --mmproj).';
    expect(await refusal(() => start().read(["http://a/1"], { ...reading, readsPictures: false }))).toBe(message);
    expect(await start().read([], { ...reading, readsPictures: false })).toMatchObject({ pictures: [] });
    const unknown = start({ fetched: { "http://a/1": red } });
    expect((await unknown.read(["http://a/1"], { ...reading, readsPictures: undefined })).pictures).toHaveLength(1);
    unknown.release();
  });

  it("are limited in number, where equal pictures count once", async () => {
    const pictures = start({ maxPictures: 2, fetched: { "http://a/1": blue } });
    send(pictures, [red, green, red, green]);
    const message =
      "payload_too_large: Cannot accept picture 1: the limit of different pictures in a request is 2 (--max-pictures).";
    const sources = [sourceOf(red), sourceOf(green), "http://a/1"];
    expect(await refusal(() => pictures.read(sources, reading))).toBe(message);
    send(pictures, [blue]);
    expect(await refusal(() => pictures.read([red, green, blue].map(sourceOf), reading))).toBe(message);
    pictures.release();
  });

  it("are limited in bytes, each and all together", async () => {
    const [small, medium, large] = [500, 900, 1_000].map((textBytes) => madeUpPng(textBytes, { textBytes }));
    if (small === undefined || medium === undefined || large === undefined) expect.fail("There are three pictures");
    const pictures = start({ maxPictureBytes: 1_000, maxPicturesBytes: 1_500, fetched: { "http://a/1": large } });
    const sent = async (...files: Uint8Array[]): Promise<string> => {
      send(pictures, files);
      const sources = files.map((file) => (file === large ? "unread:0" : sourceOf(file)));
      return await refusal(() => pictures.read(sources, reading));
    };
    expect(await sent(small, medium)).toBe(
      "payload_too_large: Cannot accept picture 1: the pictures of the request have more than 1500 bytes together (--max-pictures-bytes).",
    );
    pictures.release();
    // The same picture counts once.
    expect(await sent(medium, medium)).toBe("none");
    pictures.release();
    expect(await sent(large)).toBe(
      "payload_too_large: Cannot accept picture 1: it is larger than 1000 bytes (--max-picture-bytes).",
    );
    pictures.release();
    send(pictures, [small]);
    expect(await refusal(() => pictures.read([sourceOf(small), "http://a/1"], reading))).toContain(
      "Cannot accept picture 1: the pictures of the request have more than 1500 bytes",
    );
    pictures.release();
    expect(budget.bytes).toBe(0);
  });

  describe("are left out if they are not needed, and the others are read:", () => {
    const large = madeUpPng(1, { textBytes: 2_000 });
    const url = (bytes: Uint8Array | string): string =>
      `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`;
    it.each<[string, Partial<ReadingOptions & PictureLimits>, string[], (number | undefined)[]]>([
      ["no projector", { readsPictures: false }, [url(red)], [undefined]],
      ["too large", { maxPictureBytes: 1_000 }, [url(large), url(red)], [undefined, 0]],
      ["no base64", {}, [`${url(red)}*`, url(red)], [undefined, 0]],
      ["a data: URL without base64", {}, ["data:image/svg+xml,<svg/>", url(red)], [undefined, 0]],
      ["no picture", {}, [url("<svg></svg>"), url(red)], [undefined, 0]],
      ["a URL that cannot be fetched", {}, ["http://a/7", url(red)], [undefined, 0]],
      ["unknown", {}, [sourceOf(blue), "x", url(red)], [undefined, undefined, 0]],
      ["too many: the first", { maxPictures: 2 }, [red, green, blue].map(url), [undefined, 0, 1]],
      ["too many bytes: the first", { maxPicturesBytes: 2_100 }, [url(red), url(large)], [undefined, 0]],
      [
        "too many URLs: the first",
        { maxPictures: 1 },
        ["http://a/1", "http://a/2", url(red)],
        [undefined, undefined, 0],
      ],
    ])("%s", async (_, { readsPictures = true, ...limits }, urls, indexes) => {
      const pictures = start({ ...limits, fetched: { "http://a/1": green, "http://a/2": blue } });
      const content = urls.map((one) => ({ type: "image_url", image_url: one }));
      let memory = 0;
      const lifter = pictures.lifter(places, (bytes) => (memory += bytes));
      const text = Buffer.concat(lifter.write(Buffer.from(JSON.stringify({ messages: [{ role: "user", content }] }))));
      expect(memory).toBe(0);
      const sources = [...text.toString().matchAll(/"image_url":"(.*?)"/g)].map(([, source = ""]) => source);
      const { indexOf } = await pictures.read(sources, { ...reading, readsPictures, isNeeded: () => false });
      expect(sources.map(indexOf)).toEqual(indexes);
      pictures.release();
      expect(budget.bytes).toBe(0);
    });
  });

  it("are not held after an error, though other pictures arrive later", async () => {
    const pictures = start({ fetched: { "http://a/1": red, "http://a/2": green } });
    const sources = ["http://a/1", "http://a/2", "http://a/9"];
    // The third answers first.
    expect(await refusal(() => pictures.read(sources, reading))).toBe(
      "invalid_argument: Cannot fetch picture 3: it is missing.",
    );
    pictures.release();
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    expect(budget.bytes).toBe(0);
  });

  it("tell how much larger a body may be", () => {
    expect(start({ maxPicturesBytes: 1_000 }).mostBodyBytes).toBe(1_500);
  });
});
