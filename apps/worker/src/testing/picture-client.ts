// Owns requests with pictures for tests with an inline worker: made-up pictures, their forms in each dialect, and a client.
import { createHash } from "node:crypto";
import { madeUpPng } from "@waggle/testing";
import { expect } from "vitest";
import { createInlineWorker } from "./inline-worker.ts";
import type { InlineWorker, InlineWorkerOptions } from "./inline-worker.ts";

export type Json = Record<string, unknown>;

/** A worker whose model reads pictures, unless the options say otherwise. */
export function seeingWorker({ fake, ...options }: InlineWorkerOptions = {}): InlineWorker {
  return createInlineWorker({ fake: { vision: true, ...fake }, ...options });
}

export interface PictureClient {
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Checks that the status is 200. */
  answerOf(path: string, body: unknown, headers?: Record<string, string>): Promise<Json>;
  get(path: string): Promise<Json>;
}

/** Requests to the worker of the running test. */
export function pictureClient(workerOf: () => InlineWorker): PictureClient {
  async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const init = { method: "POST", body: JSON.stringify(body), headers: { host: "localhost", ...headers } };
    return await workerOf().app.request(path, init);
  }

  async function answerOf(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Json> {
    const response = await post(path, body, headers);
    expect(response.status, await response.clone().text()).toBe(200);
    return (await response.json()) as Json;
  }

  async function get(path: string): Promise<Json> {
    return (await (await workerOf().app.request(path, { headers: { host: "localhost" } })).json()) as Json;
  }

  return { post, answerOf, get };
}

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
