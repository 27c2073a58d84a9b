// Tests the receipt of a stream of a real model over HTTP, which clients can verify.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { poll } from "@waggle/testing/harness";
import type { EndEvent, StreamEvent } from "@waggle/protocol";
import { beforeAll, expect, test } from "vitest";
import { usualWorker, type ListeningWorker } from "../support/daemon.ts";

let worker: ListeningWorker;
beforeAll(async () => {
  worker = await usualWorker();
});

async function collect(request: Parameters<typeof worker.client.inference>[0]): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of worker.client.inference(request)) events.push(event);
  return events;
}

const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");
const endOf = (events: readonly StreamEvent[]): EndEvent => events.at(-1) as EndEvent;
const textOf = (events: readonly StreamEvent[]): string =>
  events.map((event) => (event.type === "token" ? event.text : "")).join("");

test("a receipt names the text, the model's file and the chat template, and makes the answer repeatable", async () => {
  const modelSha256 = sha256(await readFile(new URL("../../models/waggle-tiny-stories.gguf", import.meta.url)));
  await poll("the model's hash", async () => (await worker.client.info()).model_sha256 === modelSha256);
  const messages = [{ role: "user" as const, content: "Who are you?" }];
  const events = await collect({ messages, max_tokens: 30, temperature: 1.2 });
  const { receipt } = endOf(events);
  expect(receipt).toMatchObject({ text_sha256: sha256(textOf(events)), model_sha256: modelSha256 });
  expect(receipt?.template_sha256).toMatch(/^[0-9a-f]{64}$/);

  const { grammar_sha256: _, ...sampling } = receipt?.sampling ?? {};
  const again = await collect({ messages, max_tokens: 30, ...sampling, seed: receipt?.seed ?? -1 });
  expect(endOf(again).receipt).toEqual(receipt);

  const plain = endOf(await collect({ prompt: "Once upon a time", max_tokens: 3 }));
  expect(plain.receipt, "without a template").toMatchObject({ model_sha256: modelSha256, template_sha256: null });
});
