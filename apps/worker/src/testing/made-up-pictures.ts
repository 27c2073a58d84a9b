// Owns made-up pictures for tests with an inline worker, and their forms in each dialect.
import { createHash } from "node:crypto";
import { madeUpPng } from "@waggle/testing";
import type { Json } from "./use-worker.ts";

export const [red, green, blue] = [madeUpPng(0xff0000), madeUpPng(0x00ff00), madeUpPng(0x0000ff, { width: 9 })];
export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
export const dataUrl = (bytes: Uint8Array): string => `data:image/png;base64,${base64(bytes)}`;
export const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
/** The cells that the fake backend gives a picture. */
export const cellsOf = ({ length }: Uint8Array): number => 4 + (length % 13);

export const openAiPart = (bytes: Uint8Array): Json => ({
  type: "image_url",
  image_url: { url: dataUrl(bytes), detail: "low" },
});
export const responsesPart = (bytes: Uint8Array): Json => ({
  type: "input_image",
  image_url: dataUrl(bytes),
  detail: "auto",
});
export const anthropicBlock = (bytes: Uint8Array): Json => ({
  type: "image",
  source: { type: "base64", media_type: "image/png", data: base64(bytes) },
});
export const text = (said: string): Json => ({ type: "text", text: said });
export const messageOf = (body: Json): unknown => (body["error"] as Json)["message"];
