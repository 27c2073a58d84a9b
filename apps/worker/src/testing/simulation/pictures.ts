// Owns the pictures that the clients of a simulation send, and the bodies that carry them: a body arrives in parts, and its client may leave before the last.
import { createHash } from "node:crypto";
import type { Picture, PromptInput } from "@waggle/engine";
import { madeUpPng } from "@waggle/testing";
import type { Random } from "./random.ts";
import type { SimulatedRequest } from "./request.ts";

export const pictureLimits = { maxPictureBytes: 400, maxPictures: 2, maxPicturesBytes: 600 };
/** Few pictures, so that jobs often share one. All of them together are more than a request may have. */
const gallery: readonly [Uint8Array, ...Uint8Array[]] = [
  madeUpPng(1),
  madeUpPng(2),
  madeUpPng(3, { textBytes: 120 }),
  madeUpPng(4, { textBytes: 250 }),
];
const tooLarge = madeUpPng(5, { textBytes: 500 });
const broken = new TextEncoder().encode("These bytes are no picture.");

export function randomPictures(random: Random): readonly Uint8Array[] {
  const shown = Array.from({ length: 1 + random.below(3) }, () => random.pick(gallery));
  if (random.chance(0.05)) shown.push(tooLarge);
  if (random.chance(0.05)) shown.push(broken);
  return shown;
}

/** Whether the worker must refuse these pictures before the model has seen them, with this code. */
export function isRefusedByFront(
  shown: readonly Uint8Array[],
  code: "invalid_argument" | "payload_too_large",
): boolean {
  if (code === "invalid_argument") return shown.includes(broken);
  const distinct = new Set(shown);
  const bytes = [...distinct].reduce((sum, { length }) => sum + length, 0);
  const { maxPictures, maxPicturesBytes } = pictureLimits;
  return distinct.has(tooLarge) || distinct.size > maxPictures || bytes > maxPicturesBytes;
}

/** Cells that the fake backend gives these pictures. */
export function cellsOf(shown: readonly Uint8Array[]): number {
  return shown.reduce((sum, { length }) => sum + 4 + (length % 13), 0);
}

/** The conversation as the model gets it. */
export function picturedPrompt(
  text: string,
  shown: readonly Uint8Array[],
): { readonly prompt: PromptInput; readonly pictures: readonly Picture[] } {
  const distinct = [...new Set(shown)];
  const images = shown.map((bytes) => ({ type: "image" as const, picture: distinct.indexOf(bytes) }));
  const content = [...images, { type: "text" as const, text }];
  const pictures = distinct.map((bytes) => ({ bytes, sha256: createHash("sha256").update(bytes).digest("hex") }));
  return { prompt: { kind: "messages", messages: [{ role: "user", content }] }, pictures };
}

export interface ArrivingBody {
  readonly stream: ReadableStream<Uint8Array>;
  /** Sends the next part. Returns whether more parts are left. */
  arrive(): boolean;
  leave(): void;
}

/** The body of a request with pictures, in so many parts. */
export function createArrivingBody(request: SimulatedRequest, parts: number): ArrivingBody {
  const { prompt, shown = [], retryKey: _, ...rest } = request;
  const images = shown.map((bytes) => ({
    type: "image_url",
    image_url: { url: `data:image/png;base64,${Buffer.from(bytes).toString("base64")}` },
  }));
  const messages = [{ role: "user", content: [...images, { type: "text", text: prompt }] }];
  let left = new TextEncoder().encode(JSON.stringify({ ...rest, messages }));
  const size = Math.ceil(left.length / parts);
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) });
  return {
    stream,
    arrive() {
      controller?.enqueue(left.slice(0, size));
      left = left.slice(size);
      if (left.length === 0) controller?.close();
      return left.length > 0;
    },
    leave: () => controller?.error(new Error("The client left.")),
  };
}
