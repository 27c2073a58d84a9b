import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { Body } from "@waggle/testing/harness";
import { startRecordingProxy, type RecordingProxy } from "./recording-proxy.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function serverThat(answers: RequestListener): Promise<string> {
  const server = createServer(answers);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function proxyTo(target: string, prepare: (path: string, body: Body) => Promise<void>): Promise<RecordingProxy> {
  const proxy = await startRecordingProxy({ target, prepare, onCall: () => {} });
  closing.push(() => proxy[Symbol.asyncDispose]());
  return proxy;
}

test("the model is prepared before each request, one at a time, and the request passes unchanged", async () => {
  const seen: string[] = [];
  const target = await serverThat((request, response) => {
    let text = "";
    request.on("data", (part: Buffer) => (text += part.toString()));
    request.once("end", () => {
      seen.push(`worker ${request.method} ${request.url} ${String(request.headers["x-own"])} ${text}`);
      response.writeHead(200, { "x-theirs": "here" }).end(`received ${text}`);
    });
  });
  let running = 0;
  const proxy = await proxyTo(target, async (path, body) => {
    expect((running += 1)).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(`prepare ${path} ${String(body["n"])}`);
    running -= 1;
  });
  const headers = { "x-own": "mine" };
  const ask = (n: number): Promise<Response> =>
    fetch(`${proxy.url}/v1/messages?beta=true`, { method: "POST", headers, body: `{"n":${n}}` });
  const [first] = await Promise.all([ask(1), ask(1)]);
  expect(await first.text()).toBe('received {"n":1}');
  expect(first.headers.get("x-theirs")).toBe("here");
  await fetch(`${proxy.url}/v1/models`, { headers });
  expect(seen).toHaveLength(5);
  expect(seen[0]).toBe("prepare /v1/messages 1");
  expect(seen[4]).toBe("worker GET /v1/models mine ");
  expect(proxy.calls.map(({ what, status, body }) => [what, status, body])).toEqual([
    ["POST /v1/messages", 200, '{"n":1}'],
    ["POST /v1/messages", 200, '{"n":1}'],
    ["GET /v1/models", 200, ""],
  ]);
});

test("the proxy passes a request on if no answer can be scripted for it, and records the reason", async () => {
  const target = await serverThat((_, response) => void response.writeHead(404).end("none"));
  const proxy = await proxyTo(target, () => Promise.reject(new Error("no such route")));
  const answer = await fetch(`${proxy.url}/api/chat`, { method: "POST", body: "{}" });
  expect([answer.status, await answer.text()]).toEqual([404, "none"]);
  expect(proxy.calls).toMatchObject([{ what: "POST /api/chat", status: 404, fault: "no such route" }]);
});

test("if the worker breaks a stream, the proxy breaks it for the client", async () => {
  const target = await serverThat((_, response) => {
    response.writeHead(200).write("half", () => response.destroy());
  });
  const proxy = await proxyTo(target, async () => {});
  const answer = await fetch(`${proxy.url}/v1/models`);
  await expect(answer.text()).rejects.toThrow("terminated");
});
