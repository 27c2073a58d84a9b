import { expect, it } from "vitest";
import { readSseEvents } from "./sse-events.ts";

async function read(text: string, size: number): Promise<unknown[]> {
  const bytes = new TextEncoder().encode(text);
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const events: unknown[] = [];
  for await (const event of readSseEvents(body(), () => {})) events.push(event);
  return events;
}

it.each([1, 2, 3, 1_000])("reads events with any line breaks, in pieces of %i bytes", async (size) => {
  const text =
    ": comment\n\nid: 1\r\nretry: 200\r\ndata: \r\n\r\nevent: message\ndata: a\ndata:b: 🐝\n\nid:2\rdata\r\rretry: x\ndata: c\n\nid: 3\n\ndata: lost";
  expect(await read(text, size)).toEqual([
    { id: "1", retryMs: 200, data: "" },
    { data: "a\nb: 🐝" },
    { id: "2", data: "" },
    { data: "c" },
    { id: "3", data: "" },
  ]);
});

it("counts the bytes that it keeps, which are those since the last event", async () => {
  const kept: number[] = [];
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const text of ["data: abc", "\n", "\ndata: ", "d"]) yield new TextEncoder().encode(text);
  }
  for await (const _ of readSseEvents(body(), (_bytes, all) => kept.push(all)));
  expect(kept).toEqual([9, 10, 17, 7]);
});
