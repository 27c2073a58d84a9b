// Tests what a stream must not hide: frames that arrive together, and a broken connection.
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { send } from "./http.ts";
import { endingOf, openStream } from "./live-stream.ts";

let stop = (): void => {};
afterEach(() => stop());

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

it("gives frames that arrive together the same time", async () => {
  const url = await serve((response) => response.writeHead(200).end("data: 0\n\ndata: 1\n\n"));
  const arrivals: number[] = [];
  await (await send({ url })).frames({ onFrame: (_, at) => arrivals.push(at) }).over;
  expect(arrivals).toEqual([arrivals[0], arrivals[0]]);
});

it("reports its error and its broken connection", async () => {
  const started =
    'event: started\ndata: {"type":"started","stream_id":"j","model":"m","prompt_tokens":1,"cached_tokens":0,"queue_ms":0}\n\n';
  const error =
    'event: error\ndata: {"type":"error","stream_id":"j","code":"engine_failed","message":"gone","retryable":true}\n\n';
  const url = await serve((response) => {
    response.writeHead(200).write(started + error, () => response.destroy());
  });
  const stream = await openStream({ url, body: { prompt: "x" } });
  expect(await stream.over).toMatchObject({ how: "broken", reason: expect.stringMatching(/^The stream broke/) });
  expect([endingOf(stream.judge.terminal), stream.judge.problems]).toEqual(["error engine_failed", []]);
});
