import type { StreamEvent } from "@waggle/protocol";
import { createLogger } from "@waggle/telemetry";
import { describe, expect, it } from "vitest";
import type { Framing } from "../generation/dialect.ts";
import { framedChunks } from "./framed-chunks.ts";

const token: StreamEvent = { type: "token", stream_id: "j", index: 0, text: "a", t_ms: 1 };
const end: StreamEvent = {
  type: "end",
  stream_id: "j",
  finish_reason: "stop",
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2, cached_tokens: 0 },
  timings: { queue_ms: 0, prefill_ms: 0, decode_ms: 0, total_ms: 0, tokens_per_second: 0 },
};

/** The texts that a client gets for these reads, and whether the stream broke, the reader closed, `onClose` ran and errors were logged. */
async function run(reads: readonly (readonly StreamEvent[])[], framing: Partial<Framing> = {}, resumed = false) {
  const lines: string[] = [];
  const log = createLogger({
    level: "error",
    format: "json",
    name: "test",
    destination: { write: (line: string) => void lines.push(line) },
  });
  const queue = [...reads];
  let closed = false;
  let released = 0;
  const chunks = framedChunks({
    reader: {
      next() {
        const value = closed ? undefined : queue.shift();
        return Promise.resolve(value === undefined ? { done: true, value } : { done: false, value });
      },
      close: () => void (closed = true),
    },
    framing: {
      headers: {},
      cancelledIsError: true,
      frame: (event) => (event.type === "token" ? `<${event.text}>` : ""),
      frameEnd: () => "<end>",
      frameError: (error) => `<${error.code}>`,
      keepAlive: (why) => `<${why}>`,
      ...framing,
    },
    resumed,
    log,
    onClose: () => (released += 1),
  });
  const got: string[] = [];
  let broken = false;
  try {
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) got.push(next.value);
  } catch {
    broken = true;
  }
  return { got, broken, closed, released: released > 0, lines };
}

describe("framedChunks", () => {
  it("sends keep-alive text if there are no events, or only events without text", async () => {
    const queued: StreamEvent = { type: "status", stream_id: "j", status: "loading" };
    expect((await run([[], [queued], [end]])).got).toEqual(["<silent>", "<unframed>", "<end>"]);
  });

  it("breaks a stream whose reader ends without the stream's end", async () => {
    expect(await run([[token]])).toMatchObject({ got: ["<a>"], broken: true, released: true });
    expect(await run([[token], [end]])).toMatchObject({ got: ["<a>", "<end>"], broken: false });
  });

  it("ends a stream whose request is refused, and breaks it after an answer or if a retry may help", async () => {
    const refused: StreamEvent = {
      type: "error",
      stream_id: "j",
      code: "invalid_argument",
      message: "",
      retryable: false,
    };
    const lost: StreamEvent = { ...refused, code: "engine_failed", retryable: true };
    expect(await run([[refused]])).toMatchObject({ got: ["<invalid_argument>"], broken: false, released: true });
    expect((await run([[token, refused]])).broken).toBe(true);
    expect((await run([[refused]], {}, true)).broken).toBe(true);
    expect((await run([[lost]])).broken).toBe(true);
  });

  it("when the framing throws, sends an error, destroys the stream and logs the cause", async () => {
    const defect = () => {
      throw new TypeError("a defect");
    };
    const { got, broken, closed, released, lines } = await run([[token], [end]], { frame: defect });
    expect({ got, broken, closed, released }).toEqual({
      got: ["<internal>"],
      broken: true,
      closed: true,
      released: true,
    });
    expect(lines.join("")).toContain("a defect");
  });
});
