// Starts a worker that reads pictures, and owns the pictures and the checks that the tests of clients share.
import { madeUpPng } from "@waggle/testing";
import { sharedOnce, spawnFakeWorker } from "./daemon.ts";

export const [red, blue] = [madeUpPng(0xff0000), madeUpPng(0x0000ff, { width: 9 })];
/** A picture whose file ends in its header. */
export const torn = red.subarray(0, 20);
export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
export const dataUrl = (bytes: Uint8Array): string => `data:image/png;base64,${base64(bytes)}`;

/** A question whose answer has 8 tokens. */
export const pictureQuestion = "What is it? [eog:8]";

export interface Seen {
  readonly text: string | null | undefined;
  readonly promptTokens: number | undefined;
}

export type Ask = (...pictures: readonly Uint8Array[]) => Promise<Seen>;

/** A worker whose fake backend gives answers that depend on the bytes of the pictures. */
export const seeingWorker = sharedOnce((options) => spawnFakeWorker(["--mmproj", "fake"], options));

/** Returns a clause for each fault of a client's answers: each picture has to count in the prompt and to change the answer. */
export async function pictureFaults(ask: Ask): Promise<readonly string[]> {
  const [none, one, again] = [await ask(), await ask(red), await ask(red)];
  const [other, both] = [await ask(blue), await ask(red, blue)];
  const counts = [none, one, both].map(({ promptTokens = NaN }) => promptTokens);
  const texts = [none, one, other, both].map(({ text }) => text ?? "");
  return [
    ...(counts.every((count, index) => index === 0 || count > (counts[index - 1] as number))
      ? []
      : [`the prompts had ${counts.join(", ")} tokens`]),
    ...(new Set(texts).size === texts.length
      ? []
      : [`the answers were ${texts.map((text) => `"${text}"`).join(", ")}`]),
    ...(again.text === one.text ? [] : ["the same picture got another answer"]),
  ];
}
