// Reads a stream of events in a test, until a condition or to the end.
import { StreamEventSchema } from "@waggle/protocol";
import type { StreamEvent } from "@waggle/protocol";
import { parseSse } from "@waggle/protocol/sse";
import { expect } from "vitest";

export interface StreamReader {
  /** Resolves with all events so far once an event fits; rejects when the stream ends before that. */
  until(fits: (event: StreamEvent) => boolean): Promise<StreamEvent[]>;
  /** Reads to the end. `done`: [DONE] arrived. `failed`: the connection broke. */
  rest(): Promise<{ events: StreamEvent[]; done: boolean; failed: boolean }>;
  cancel(): Promise<void>;
}

export function readEvents(response: Response): StreamReader {
  if (response.body === null) throw new Error(`No body: status ${response.status}`);
  const frames = parseSse(response.body)[Symbol.asyncIterator]();
  const events: StreamEvent[] = [];
  let done = false;

  async function pull(): Promise<StreamEvent | undefined> {
    const frame = await frames.next();
    if (frame.done === true) return undefined;
    if (frame.value.data === "[DONE]") {
      done = true;
      return await pull();
    }
    const event = StreamEventSchema.parse(JSON.parse(frame.value.data));
    events.push(event);
    return event;
  }

  return {
    async until(fits) {
      for (;;) {
        const event = await pull();
        if (event === undefined) throw new Error(`The stream ended before: ${JSON.stringify(events)}`);
        if (fits(event)) return events;
      }
    },
    async rest() {
      let failed = false;
      try {
        while ((await pull()) !== undefined);
      } catch {
        failed = true;
      }
      return { events, done, failed };
    },
    async cancel() {
      await frames.return?.();
    },
  };
}

export const isStarted = (event: StreamEvent): boolean => event.type === "started";

export function textInEvents(events: readonly StreamEvent[]): string {
  return events.map((event) => (event.type === "token" ? event.text : "")).join("");
}

/** The data of all frames. Checks that `end` is the last one, if it is given, and leaves it out. */
export async function framesOf<Frame>(response: Response, end?: "[DONE]"): Promise<Frame[]> {
  const texts: string[] = [];
  for await (const { data } of parseSse(response.body as ReadableStream<Uint8Array>)) texts.push(data);
  if (end !== undefined) expect(texts.pop()).toBe(end);
  return texts.map((text) => JSON.parse(text) as Frame);
}
