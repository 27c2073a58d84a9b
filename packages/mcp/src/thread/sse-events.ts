// Reads server-sent events from the body of a response, with a limit on the bytes of an event.

export interface SseEvent {
  readonly id?: string;
  readonly retryMs?: number;
  readonly data: string;
}

/** @throws Error of the body, or of `count`, which gets the bytes of each piece before it is kept */
export async function* readSseEvents(
  body: AsyncIterable<Uint8Array>,
  count: (bytes: number, kept: number) => void,
): AsyncGenerator<SseEvent> {
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  let kept = 0;
  let event: { id?: string; retryMs?: number; data: string[] } = { data: [] };
  for await (const chunk of body) {
    kept += chunk.length;
    count(chunk.length, kept);
    pieces.push(decoder.decode(chunk, { stream: true }));
    if (!chunk.includes(10) && !chunk.includes(13)) continue;
    // A line break may be divided between two chunks.
    const text = pieces.join("");
    const lines = text.replace(/\r$/, "").split(/\r\n|\r|\n/);
    pieces = [`${lines.pop() ?? ""}${text.endsWith("\r") ? "\r" : ""}`];
    for (const line of lines) {
      if (line === "") {
        const { data, ...rest } = event;
        if (data.length > 0 || rest.id !== undefined) yield { ...rest, data: data.join("\n") };
        event = { data: [] };
        kept = pieces[0]?.length ?? 0;
        continue;
      }
      const [, name, value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      if (name === "data") event.data.push(value);
      else if (name === "id") event.id = value;
      else if (name === "retry" && /^\d{1,9}$/.test(value)) event.retryMs = Number(value);
    }
  }
}
