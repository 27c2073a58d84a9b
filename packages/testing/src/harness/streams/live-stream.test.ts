// Tests streams over a real socket: arrival times, silence, refusals, broken connections, leaving.
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { send, type Request } from "./http.ts";
import { endingOf, isToken, openStream, type LiveStream, type StreamRequest } from "./live-stream.ts";

let stop = (): void => {};
afterEach(() => {
  vi.useRealTimers();
  stop();
});

/** Starts a server that answers every request with `answer`; resolves with its URL. */
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

const post = (url: string, more: Partial<StreamRequest> = {}): StreamRequest => ({
  url,
  body: { prompt: "x" },
  ...more,
});
const open = (url: string, more?: Partial<StreamRequest>): Promise<LiveStream> => openStream(post(url, more));

interface Frame {
  readonly data: string;
  readonly at: number;
}

/** The frames of an answer, and how the answer ended. */
async function framesOf(request: Request): Promise<{ readonly frames: Frame[]; readonly how: string }> {
  const frames: Frame[] = [];
  const { over } = (await send(request)).frames({ onFrame: ({ data }, at) => frames.push({ data, at }) });
  const { how, reason } = await over;
  return { frames, how: reason ?? how };
}

const started =
  'event: started\ndata: {"type":"started","stream_id":"j","model":"m","prompt_tokens":1,"cached_tokens":0,"queue_ms":0}\n\n';
const token = (index: number): string =>
  `event: token\nid: ${index}\ndata: {"type":"token","stream_id":"j","index":${index},"text":"ä${index}","t_ms":${index}}\n\n`;
const error =
  'event: error\ndata: {"type":"error","stream_id":"j","code":"engine_failed","message":"gone","retryable":true}\n\n';

describe("frames", () => {
  it("arrive complete and in order, without pings, wherever the bytes are cut", async () => {
    const bytes = Buffer.from("data: ä0\n\n: ping\n\ndata: 1\n\ndata: 2\n");
    for (let cut = 0; cut < bytes.length; cut += 1) {
      const url = await serve((response) => {
        response.writeHead(200).write(bytes.subarray(0, cut), () => response.end(bytes.subarray(cut)));
      });
      const { frames, how } = await framesOf({ url });
      expect([how, ...frames.map(({ data }) => data)], `cut at ${cut}`).toEqual(["complete", "ä0", "1"]);
      stop();
    }
  });

  it("have the same time when they arrive together", async () => {
    const url = await serve((response) => response.writeHead(200).end("data: 0\n\ndata: 1\n\n"));
    const { frames } = await framesOf({ url });
    expect(frames[0]?.at).toBe(frames[1]?.at);
  });

  it("fail when one is too large", async () => {
    const url = await serve((response) => response.writeHead(200).end(`data: ${"x".repeat(2_000_000)}`));
    expect((await framesOf({ url })).how).toMatch(/larger than/);
  });

  it("fail after a silence, also when pings arrive", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let write = (_text: string): void => {};
    const url = await serve((response) => {
      write = (text) => void response.write(text);
      response.writeHead(200);
      write("data: 0\n\n");
    });
    const answer = await send({ url, silenceMs: 1_000 });
    let [read, arrived] = ["", (): void => {}];
    const { over } = answer.frames({
      onFrame: () => {},
      onText(text) {
        read += text;
        arrived();
      },
    });
    const reads = (text: string): Promise<void> =>
      new Promise((resolve) => {
        arrived = () => {
          if (read.endsWith(text)) resolve();
        };
        arrived();
      });
    await reads("data: 0\n\n");
    vi.advanceTimersByTime(999);
    write(": ping\n\n");
    await reads(": ping\n\n");
    vi.advanceTimersByTime(1);
    expect((await over).reason).toBe("No event for 1 s, after 1 events");
  });

  it("may take longer in total than the allowed silence", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let sendNext = (_sent: number): void => {};
    const url = await serve((response) => {
      response.writeHead(200);
      sendNext = (sent) => void (sent < 12 ? response.write(`data: ${sent}\n\n`) : response.end());
      sendNext(0);
    });
    const answer = await send({ url, silenceMs: 1_000 });
    let frames = 0;
    const { over } = answer.frames({
      onFrame() {
        frames += 1;
        vi.advanceTimersByTime(900);
        sendNext(frames);
      },
    });
    expect([(await over).how, frames]).toEqual(["complete", 12]);
  });
});

describe("a request", () => {
  it("fails when the server never answers", async () => {
    const url = await serve(() => {});
    await expect(open(url, { silenceMs: 100 })).rejects.toThrow("No event for 0.1 s, after 0 events");
  });

  it("fails without a server on the port", async () => {
    const url = await serve(() => {});
    stop();
    await expect(open(url)).rejects.toThrow("Cannot reach http://127.0.0.1");
  });

  it("fails with the server's message when the status is not 200", async () => {
    const error = { code: "resource_exhausted", message: "The queue is full.", type: "server_error", retryable: true };
    const url = await serve((response) => response.writeHead(429).end(JSON.stringify({ error })));
    const refused = open(url);
    await expect(refused).rejects.toThrow("The server answered 429: The queue is full.");
    await expect(refused).rejects.toMatchObject({ status: 429 });
  });

  it("ends with the signal's reason, and closes the connection", async () => {
    let closed = (): void => {};
    const gone = new Promise<void>((resolve) => (closed = resolve));
    const url = await serve((response) => {
      response.writeHead(200).write(token(0));
      response.on("close", closed);
    });
    const controller = new AbortController();
    const stream = await open(url, { signal: controller.signal });
    await stream.event("a token", isToken);
    controller.abort(new Error("enough"));
    expect(await stream.over).toMatchObject({ how: "broken" });
    await gone;
    await expect(open(url, { signal: controller.signal })).rejects.toThrow("enough");
  });
});

describe("a stream", () => {
  it("resolves with past and future events", async () => {
    let write = (_text: string): void => {};
    const url = await serve((response) => {
      response.writeHead(200);
      write = (text) => void response.write(text);
      write(started);
    });
    const stream = await open(url);
    await stream.event("its start", ({ type }) => type === "started");
    const next = stream.nextToken();
    write(token(0));
    await next;
    expect([stream.judge.text, stream.judge.problems]).toEqual(["ä0", []]);
    expect(stream.raw).toBe(started + token(0));
    const waiting = stream.event("its end", ({ type }) => type === "end");
    stream.leave();
    await expect(waiting).rejects.toThrow("The stream ended before its end: it is left");
    expect((await stream.over).how).toBe("left");
  });

  it("reports its error and its broken connection", async () => {
    const url = await serve((response) => {
      response.writeHead(200).write(started + error, () => response.destroy());
    });
    const stream = await open(url);
    expect(await stream.over).toMatchObject({ how: "broken", reason: expect.stringMatching(/^The stream broke/) });
    expect([endingOf(stream.judge.terminal), stream.judge.problems]).toEqual(["error engine_failed", []]);
  });

  it("resumes after the given token", async () => {
    const url = await serve((response) => response.writeHead(200).end(started + token(8)));
    expect((await (await open(url, { after: 7 })).over).how).toBe("complete");
  });
});
