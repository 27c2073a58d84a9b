// Owns a batch of numbered lines for the tests that break its server: creates it, waits for it, and reads the ids in its results.
import OpenAI from "openai";
import { expect } from "vitest";

type Batch = OpenAI.Batches.Batch;

/** Asks again like other programs: a server may close a connection that was idle. */
export function openAiOf(url: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused" });
}

export function idsOf(lines: number): string[] {
  return Array.from({ length: lines }, (_, index) => `line-${index}`).toSorted();
}

/** Short chats. */
export function linesOf(count: number): string {
  return idsOf(count)
    .map((id) => JSON.stringify(lineOf(id)))
    .join("\n");
}

/** Creates a batch of short chats. @returns its id */
export async function createBatch(openai: OpenAI, lines: number): Promise<string> {
  const file = await openai.files.create({ file: new File([linesOf(lines)], "lines.jsonl"), purpose: "batch" });
  const batch = await openai.batches.create({
    input_file_id: file.id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
  });
  return batch.id;
}

function lineOf(customId: string): object {
  const body = { messages: [{ role: "user", content: customId }], max_tokens: 8 };
  return { custom_id: customId, method: "POST", url: "/v1/chat/completions", body };
}

/** Asks again and again until the batch is so. */
export async function untilBatch(openai: OpenAI, id: string, isSo: (batch: Batch) => boolean): Promise<Batch> {
  for (;;) {
    const batch = await openai.batches.retrieve(id);
    if (isSo(batch)) return batch;
  }
}

export function isOver({ status }: Batch): boolean {
  return ["completed", "failed", "expired", "cancelled"].includes(status);
}

export function answered({ request_counts: counts }: Batch): number {
  return (counts?.completed ?? 0) + (counts?.failed ?? 0);
}

/** The ids in both files of results, sorted. Each line must be JSON. */
export async function resultIds(openai: OpenAI, batch: Batch): Promise<string[]> {
  const ids: string[] = [];
  for (const file of [batch.output_file_id, batch.error_file_id]) {
    if (file === null || file === undefined) continue;
    const text = await (await openai.files.content(file)).text();
    expect(text.endsWith("\n")).toBe(true);
    for (const line of text.slice(0, -1).split("\n")) ids.push((JSON.parse(line) as { custom_id: string }).custom_id);
  }
  return ids.toSorted();
}
