import type { Heartbeat, HiveEvent, Registration } from "@waggle/protocol";
import { expect, it } from "vitest";
import { createHiveClient } from "./hive-client.ts";

const state = {
  worker_id: "w1",
  url: "http://127.0.0.1:7701",
  model: "m",
  state: "ready" as const,
  slots: { total: 2, busy: 0 },
  queue: { depth: 0, capacity: 8 },
  version: "0.1.0",
};
const registration: Registration = { ...state, interval_ms: 1000 };
const at = "2026-11-02T10:00:00.000Z";
const heartbeat: Heartbeat = { ...state, timestamp: at, health_status: "healthy", seq: 0 };
const worker = { ...registration, liveness: "alive", registered_at: at, last_seen_at: at, heartbeats: 0 };

/** A client whose requests are recorded and answered from a list. */
function clientWith(...answers: Response[]): { hive: ReturnType<typeof createHiveClient>; requests: string[] } {
  const requests: string[] = [];
  const hive = createHiveClient({
    baseUrl: "http://hive",
    fetch: async (url, init) => {
      requests.push(`${init?.method} ${url as string} ${(init?.body as string | undefined) ?? ""}`.trim());
      return answers.shift() ?? Response.json({}, { status: 500 });
    },
  });
  return { hive, requests };
}

it("the client sends the requests of a worker", async () => {
  const gone = Response.json(
    { error: { code: "not_found", message: "Unknown.", type: "not_found_error", retryable: false } },
    { status: 404 },
  );
  const { hive, requests } = clientWith(Response.json(worker), Response.json({ command: "drain" }), gone);
  expect(await hive.register(registration)).toEqual(worker);
  expect(await hive.heartbeat(heartbeat)).toEqual({ command: "drain" });
  await expect(hive.deregister("w1")).rejects.toMatchObject({ code: "not_found", message: "Unknown." });
  expect(requests).toEqual([
    `PUT http://hive/v1/workers/w1 ${JSON.stringify(registration)}`,
    `POST http://hive/v1/heartbeat ${JSON.stringify(heartbeat)}`,
    "DELETE http://hive/v1/workers/w1",
  ]);
});

it("the client sends the requests of an observer", async () => {
  const { hive, requests } = clientWith(
    Response.json({ workers: [worker] }),
    Response.json(worker),
    Response.json({ fault: "drop", count: 2 }),
    Response.json({ fault: "none" }),
    Response.json(worker, { status: 202 }),
    new Response(null, { status: 204 }),
  );
  expect(await hive.workers()).toEqual([worker]);
  expect(await hive.worker("w1")).toEqual(worker);
  expect(await hive.setFault({ fault: "drop", count: 2 })).toEqual({ fault: "drop", count: 2 });
  expect(await hive.fault()).toEqual({ fault: "none" });
  expect(await hive.drain("w1")).toEqual(worker);
  await hive.remove("w1");
  expect(requests.map((request) => request.replace("http://hive", ""))).toEqual([
    "GET /v1/workers",
    "GET /v1/workers/w1",
    'PUT /v1/faults {"fault":"drop","count":2}',
    "GET /v1/faults",
    "POST /v1/workers/w1/drain",
    "POST /v1/workers/w1/remove",
  ]);
});

it("the events of the feed arrive until the hive closes the feed", async () => {
  const events: HiveEvent[] = [
    { type: "snapshot", at, workers: [] },
    { type: "heartbeat", at, heartbeat },
  ];
  const { hive } = clientWith(new Response(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")));
  const seen: HiveEvent[] = [];
  for await (const event of hive.events()) seen.push(event);
  expect(seen).toEqual(events);
});

it("reading the feed throws an error when the connection breaks", async () => {
  const broken = new ReadableStream({
    pull: (controller) => controller.error(new TypeError("terminated", { cause: new Error("other side closed") })),
  });
  const { hive } = clientWith(new Response(broken));
  await expect(hive.events()[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    name: "BrokenStreamError",
    message: "Cannot read the stream to its end: the connection broke (other side closed)",
  });
});
