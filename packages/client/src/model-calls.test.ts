import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { WaggleError, type ModelEvent } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { serve } from "./testing/serve.ts";
import { createWorkerClient, type WorkerClient } from "./worker-client.ts";

type Handler = (request: IncomingMessage, response: ServerResponse, body: unknown) => unknown;

async function clientOf(handler: Handler, requestTimeoutMs = 10_000): Promise<WorkerClient> {
  const baseUrl = await serve(async (request, response) => {
    const body = await text(request);
    handler(request, response, body === "" ? undefined : JSON.parse(body));
  });
  return createWorkerClient({ baseUrl, requestTimeoutMs, token: "secret" });
}

const status = {
  name: "bee",
  aliases: [],
  state: "ready",
  source: "download",
  deletable: true,
  pinned: false,
  default: true,
  queued: 0,
  keep_alive_s: 300,
  loads: 1,
};
const progress = { type: "progress", stage: "downloading", progress: 0.5, done_bytes: 5, total_bytes: 10 };
const sse = (...events: unknown[]): string => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
const sendJson = (response: ServerResponse, body: unknown): unknown => response.end(JSON.stringify(body));

async function collect(events: AsyncIterable<ModelEvent>): Promise<{ types: string[]; error?: unknown }> {
  const types: string[] = [];
  try {
    for await (const event of events) types.push(event.type);
  } catch (error) {
    return { types, error };
  }
  return { types };
}

describe("calls without a stream", () => {
  it("send the fields and the token to the right routes", async () => {
    const seen: unknown[] = [];
    const { models } = await clientOf((request, response, body) => {
      seen.push([request.method, request.url, request.headers.authorization, body]);
      if (request.method === "GET") {
        return sendJson(response, {
          models: [status],
          budget: { memory: { total: null, used: 0 }, threads: 2 },
        });
      }
      if (request.method === "DELETE") {
        return sendJson(response, { id: "bee", object: "model", deleted: true, freed_bytes: 7 });
      }
      return sendJson(response, status);
    });
    expect((await models.list()).models).toEqual([status]);
    expect((await models.unload("bee")).name).toBe("bee");
    expect((await models.pin("bee", false)).pinned).toBe(false);
    expect((await models.delete("a/b")).freed_bytes).toBe(7);
    const token = "Bearer secret";
    expect(seen).toEqual([
      ["GET", "/v1/models/status", token, undefined],
      ["POST", "/v1/models/unload", token, { model: "bee" }],
      ["POST", "/v1/models/pin", token, { model: "bee", pinned: false }],
      ["DELETE", "/v1/models/a%2Fb", token, undefined],
    ]);
  });

  it("have a longer time limit for an unload than for a list", async () => {
    const { models } = await clientOf((request, response) => {
      if (request.url === "/v1/models/unload") setTimeout(() => sendJson(response, status), 200);
    }, 50);
    await expect(models.list()).rejects.toMatchObject({ message: expect.stringContaining("within 50 ms") as string });
    expect((await models.unload("bee")).name).toBe("bee");
  });

  it("reject with the error that the worker sent", async () => {
    const error = new WaggleError("forbidden", "Only a token marked admin may do that.");
    const { models } = await clientOf((_, response) =>
      response.writeHead(error.status).end(JSON.stringify(error.toBody())),
    );
    await expect(models.delete("bee")).rejects.toMatchObject({ code: "forbidden", message: error.message });
    await expect(collect(models.pull({ reference: "hf:a/b" }))).resolves.toMatchObject({
      error: { code: "forbidden" },
    });
  });
});

describe("a load, a swap and a pull", () => {
  it("send their fields, and yield progress until they are done", async () => {
    const seen: unknown[] = [];
    const { models } = await clientOf((request, response, body) => {
      seen.push([request.url, body]);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(`${sse(progress, { type: "done", model: status })}data: [DONE]\n\n`);
    });
    const expected = { types: ["progress", "done"] };
    expect(await collect(models.load({ model: "bee", keepAlive: "5m" }))).toEqual(expected);
    expect(await collect(models.swap({ model: "bee", reference: "b.gguf", unloadFirst: true }))).toEqual(expected);
    expect(await collect(models.pull({ reference: "hf:a/b:Q4_0" }))).toEqual(expected);
    expect(seen).toEqual([
      ["/v1/models/load", { model: "bee", keep_alive: "5m" }],
      ["/v1/models/swap", { model: "bee", reference: "b.gguf", unload_first: true }],
      ["/v1/models/pull", { reference: "hf:a/b:Q4_0" }],
    ]);
  });

  it("end with an error event, even if the connection breaks afterwards", async () => {
    const failed = { type: "error", code: "unavailable", message: "The disk is full.", retryable: true };
    const { models } = await clientOf((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(sse(progress, failed));
      setImmediate(() => response.destroy());
    });
    expect(await collect(models.load({ model: "bee" }))).toEqual({ types: ["progress", "error"] });
  });

  it.each([
    ["ends early", sse(progress), "it ended too early"],
    ["contains an invalid event", sse({ type: "progress", stage: "dancing" }), "does not follow the protocol"],
  ])("throw when the stream %s", async (_, body, reason) => {
    const { models } = await clientOf((request, response) => response.end(body));
    const { error } = await collect(models.load({ model: "bee" }));
    expect(error).toMatchObject({ name: "BrokenStreamError", message: expect.stringContaining(reason) as string });
  });

  it("are aborted when the reader leaves", async () => {
    let left: Promise<unknown> = Promise.reject(new Error("no request came"));
    left.catch(() => {});
    const { models } = await clientOf((_, response) => {
      left = once(response, "close");
      response.writeHead(200).write(sse(progress));
    });
    for await (const event of models.pull({ reference: "hf:a/b" })) {
      expect(event.type).toBe("progress");
      break;
    }
    await left;
  });
});
