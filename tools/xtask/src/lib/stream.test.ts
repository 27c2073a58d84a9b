// Tests the recording of a stream against a real socket: stamps, silence, refusals, broken connections, leaving.
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { receiveStream, type ReceivedFrame, type StreamOptions } from "./stream.ts";

let stop = (): void => {};
afterEach(() => stop());

/** A worker that answers every request with `answer`; resolves with its address. */
async function serve(answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => answer(response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/inference`;
}

function open(url: string, more: Partial<StreamOptions> = {}): AsyncGenerator<ReceivedFrame, void> {
  return receiveStream({ url, body: { prompt: "x" }, silenceMs: 5_000, signal: new AbortController().signal, ...more });
}

async function all(frames: AsyncIterable<ReceivedFrame>): Promise<ReceivedFrame[]> {
  const received: ReceivedFrame[] = [];
  for await (const frame of frames) received.push(frame);
  return received;
}

describe("receiveStream", () => {
  it("stamps frames when they reach the socket, however slow the reader is", async () => {
    let write = (_text: string): void => {};
    const url = await serve((response) => {
      response.writeHead(200);
      write = (text) => void response.write(text);
      write("data: 0\n\ndata: 1\n\n");
    });
    const frames = open(url);
    const first = await frames.next();
    const second = await frames.next();
    await pause(100);
    write("data: 2\n\n");
    // Node reads the socket while this reader is away for much longer than the frame took.
    await pause(400);
    const third = await frames.next();
    expect([first, second, third].map(({ value }) => value?.frame.data)).toEqual(["0", "1", "2"]);
    expect(second.value?.arrivalMs).toBe(first.value?.arrivalMs);
    expect((third.value?.arrivalMs ?? 0) - (first.value?.arrivalMs ?? 0)).toBeLessThan(300);
    await frames.return();
  });

  it("ends with the stream", async () => {
    const url = await serve((response) =>
      response.writeHead(200).end("event: token\nid: 0\ndata: {}\n\ndata: [DONE]\n\n"),
    );
    expect((await all(open(url))).map(({ frame }) => frame)).toEqual([
      { event: "token", id: "0", data: "{}" },
      { data: "[DONE]" },
    ]);
  });

  it("tells what the worker answered when it is not a stream", async () => {
    const url = await serve((response) => {
      response
        .writeHead(429)
        .end(JSON.stringify({ error: { code: "resource_exhausted", message: "The queue is full." } }));
    });
    await expect(all(open(url))).rejects.toThrow("The worker answered 429: The queue is full.");
  });

  it("notices silence while it waits, pings or not", async () => {
    const url = await serve((response) => {
      response.writeHead(200).write("data: 0\n\n");
      const ping = setInterval(() => response.write(": ping\n\n"), 20);
      response.on("close", () => clearInterval(ping));
    });
    await expect(all(open(url, { silenceMs: 150 }))).rejects.toThrow("No event for 0.15 s, after 1 events");
  });

  it("goes on past that time while frames keep coming", async () => {
    const url = await serve((response) => {
      response.writeHead(200);
      let sent = 0;
      const tick = setInterval(() => {
        response.write(`data: ${sent}\n\n`);
        sent += 1;
        if (sent < 10) return;
        clearInterval(tick);
        response.end();
      }, 50);
    });
    expect(await all(open(url, { silenceMs: 300 }))).toHaveLength(10);
  });

  it("notices the silence of a worker that never answers", async () => {
    const url = await serve(() => {});
    await expect(all(open(url, { silenceMs: 100 }))).rejects.toThrow("No event for 0.1 s, after 0 events");
  });

  it("fails when the connection breaks", async () => {
    const url = await serve((response) => {
      response.writeHead(200).write("data: 0\n\n", () => response.destroy());
    });
    await expect(all(open(url))).rejects.toThrow("The stream broke");
  });

  it("fails when nobody listens", async () => {
    const url = await serve(() => {});
    stop();
    await expect(all(open(url))).rejects.toThrow("Cannot post to http://127.0.0.1");
  });

  it("ends with the signal's reason, and closes the connection", async () => {
    let closed = (): void => {};
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const url = await serve((response) => {
      response.writeHead(200).write("data: 0\n\n");
      response.on("close", closed);
    });
    const controller = new AbortController();
    const frames = open(url, { signal: controller.signal });
    await frames.next();
    controller.abort(new Error("enough"));
    await expect(frames.next()).rejects.toThrow("enough");
    await gone;
  });
});
