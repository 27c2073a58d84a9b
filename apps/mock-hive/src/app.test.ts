import { EventEmitter, once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { setImmediate } from "node:timers/promises";
import { serve, type HttpBindings } from "@hono/node-server";
import {
  ErrorBodySchema,
  HiveWorkerSchema,
  hiveRoutes,
  type Route,
  type Heartbeat,
  type HiveFleet,
  type Registration,
} from "@waggle/protocol";
import { createTokenTable } from "@waggle/daemon/tokens";
import { createLogger } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createHiveApp, maxBodyBytes, type HiveAppOptions, type HiveEnv } from "./app.ts";
import { createFaults } from "./faults.ts";
import { createFeed, feedBacklogLimit, feedReadersLimit } from "./feed.ts";
import { createWorkerRegistry, workersLimit } from "./workers.ts";

const state = {
  worker_id: "w1",
  url: "http://127.0.0.1:7701",
  model: "m",
  state: "ready" as const,
  slots: { total: 2, busy: 0 },
  queue: { depth: 0, capacity: 8 },
  version: "0.1.0",
};
const registration: Registration = { ...state, interval_ms: 3_600_000 };
const heartbeat = (seq: number, worker_id = "w1"): Heartbeat => ({
  ...state,
  worker_id,
  timestamp: "2026-11-02T10:00:00.000Z",
  health_status: "healthy",
  seq,
});

interface Call {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  readonly env?: HiveEnv["Bindings"];
}

function createHive(fleet?: HiveFleet, changes: Partial<HiveAppOptions> = {}) {
  const logged: string[] = [];
  const log = createLogger({
    level: "error",
    format: "json",
    name: "test",
    destination: { write: (line) => void logged.push(line) },
  });
  const clock = createFakeClock();
  const feed = createFeed({ clock });
  const registry = createWorkerRegistry({
    clock,
    wallClock: () => Date.UTC(2026, 10, 2),
    onEvent: feed.publish,
  });
  const faults = createFaults({ onForget: () => registry.forgetAll() });
  const app = createHiveApp({
    ...{ registry, faults, feed, log },
    access: { tokens: () => undefined, allowedHosts: [], allowedOrigins: [] },
    fleet: fleet === undefined ? undefined : { current: () => fleet },
    ...changes,
  });

  async function call(method: string, path: string, { body, headers = {}, signal, env = {} }: Call = {}) {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const init = { method, headers: { host: "localhost:7700", ...headers }, ...(signal ? { signal } : {}) };
    return app.request(path, body === undefined ? init : { ...init, body: text }, env);
  }
  const register = (changes: Partial<Registration> = {}) => {
    const whole = { ...registration, ...changes };
    return call("PUT", `/v1/workers/${whole.worker_id}`, { body: whole });
  };
  const beat = (seq: number, worker_id?: string) => call("POST", "/v1/heartbeat", { body: heartbeat(seq, worker_id) });
  return { app, call, register, beat, feed, registry, logged };
}

async function codeOf(response: Response): Promise<string> {
  const { error } = ErrorBodySchema.parse(await response.json());
  return `${response.status} ${error.code}`;
}

describe("the worker's routes", () => {
  it("register, beat and leave", async () => {
    const { register, beat, call } = createHive();
    const registered = await register();
    expect(registered.status).toBe(200);
    expect(HiveWorkerSchema.parse(await registered.json())).toMatchObject({ worker_id: "w1", liveness: "alive" });
    const beaten = await beat(0);
    expect([beaten.status, await beaten.json()]).toEqual([200, {}]);
    const worker = HiveWorkerSchema.parse(await (await call("GET", "/v1/workers/w1")).json());
    expect(worker).toMatchObject({ heartbeats: 1, last_heartbeat: { seq: 0 } });
    expect((await call("DELETE", "/v1/workers/w1")).status).toBe(204);
    expect(await (await call("GET", "/v1/workers")).json()).toEqual({ workers: [] });
  });

  it("do not show a registering worker the earlier report of another worker with the same id", async () => {
    const { register, beat } = createHive();
    await register();
    await beat(0);
    expect(await (await register()).json()).not.toHaveProperty("last_heartbeat");
  });

  it("answer 404 for a worker that is not registered", async () => {
    const { beat, call } = createHive();
    expect(await codeOf(await beat(0))).toBe("404 not_found");
    expect(await codeOf(await call("DELETE", "/v1/workers/w1"))).toBe("404 not_found");
    expect(await codeOf(await call("GET", "/v1/workers/w1"))).toBe("404 not_found");
  });

  it.each([
    ["text that is not JSON", "{"],
    ["an empty body", ""],
    ["a wrong type", { ...registration, slots: "two" }],
    ["another worker's id", { ...registration, worker_id: "w2" }],
    ["an id with a slash", { ...registration, worker_id: "../w1" }],
    ["an interval of zero", { ...registration, interval_ms: 0 }],
    ["a URL that a browser would run", { ...registration, url: "javascript:alert(1)//http://127.0.0.1:7701" }],
    ["a URL that is not http", { ...registration, url: "data:text/html,hi" }],
    ["a URL with a password in it", { ...registration, url: "http://worker:secret@127.0.0.1:7701" }],
  ])("refuse %s", async (_, body) => {
    const { call } = createHive();
    expect(await codeOf(await call("PUT", "/v1/workers/w1", { body }))).toBe("400 invalid_argument");
  });

  it("refuse a heartbeat with a URL that a browser would run", async () => {
    const { register, call } = createHive();
    await register();
    const body = { ...heartbeat(0), url: "javascript:alert(1)" };
    expect(await codeOf(await call("POST", "/v1/heartbeat", { body }))).toBe("400 invalid_argument");
    const worker = HiveWorkerSchema.parse(await (await call("GET", "/v1/workers/w1")).json());
    expect(worker.url).toBe(registration.url);
  });

  it("refuse new workers at the limit, but never a listed one", async () => {
    const { register, registry } = createHive();
    for (let i = 0; i < workersLimit; i += 1) registry.register({ ...registration, worker_id: `w${i}` });
    expect(await codeOf(await register({ worker_id: "one-more" }))).toBe("429 resource_exhausted");
    expect((await register()).status).toBe(200);
  });

  it("refuse a body over the limit, with and without Content-Length", async () => {
    const { call } = createHive();
    const body = JSON.stringify({ ...registration, padding: "x".repeat(maxBodyBytes) });
    expect(await codeOf(await call("PUT", "/v1/workers/w1", { body }))).toBe("413 payload_too_large");
    const headers = { "content-length": String(body.length) };
    expect(await codeOf(await call("POST", "/v1/heartbeat", { body, headers }))).toBe("413 payload_too_large");
  });
});

describe("the observer's routes", () => {
  it("begin a stream with the fleet, if the hive follows one", async () => {
    const fleet: HiveFleet = { connected: false, gateways: [] };
    for (const [given, told] of [
      [fleet, fleet],
      [undefined, undefined],
    ]) {
      const { call } = createHive(given);
      const headers = { accept: "application/x-ndjson" };
      const response = await call("GET", "/v1/heartbeats/stream", { headers });
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const { value } = await reader.read();
      await reader.cancel();
      expect((JSON.parse(new TextDecoder().decode(value)) as { fleet?: unknown }).fleet).toEqual(told);
    }
  });

  it.each([
    ["text/event-stream", "text/event-stream", (text: string) => text.replace(/^event: \w+\ndata: /, "")],
    ["application/x-ndjson", "application/x-ndjson", (text: string) => text],
  ])("stream a snapshot and then each event, as %s", async (accept, contentType, unwrap) => {
    const { register, beat, call, feed } = createHive();
    await register();
    const response = await call("GET", "/v1/heartbeats/stream", { headers: { accept } });
    expect(response.headers.get("content-type")).toBe(contentType);
    expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
    await beat(0);
    await call("DELETE", "/v1/workers/w1");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const types: string[] = [];
    for (let i = 0; i < 3; i += 1) {
      const { value } = await reader.read();
      types.push((JSON.parse(unwrap(new TextDecoder().decode(value))) as { type: string }).type);
    }
    expect(types).toEqual(["snapshot", "heartbeat", "deregistered"]);
    expect(feed.readers).toBe(1);
    await reader.cancel();
    expect(feed.readers).toBe(0);
  });

  it("refuse a HEAD for the stream, and more readers than the limit", async () => {
    const { call, feed } = createHive();
    const head = await call("HEAD", "/v1/heartbeats/stream");
    expect([head.status, head.headers.get("allow")]).toEqual([405, "GET"]);
    expect(feed.readers).toBe(0);
    for (let i = 0; i < feedReadersLimit; i += 1) feed.open({ type: "snapshot", at: "", workers: [] }, () => {});
    expect(await codeOf(await call("GET", "/v1/heartbeats/stream"))).toBe("429 resource_exhausted");
  });

  it("destroy the connection of a reader that does not read", async () => {
    const { call, feed } = createHive();
    let destroyed = 0;
    const outgoing = { destroy: () => (destroyed += 1) } as unknown as HttpBindings["outgoing"];
    await call("GET", "/v1/heartbeats/stream", { env: { outgoing } });
    const event = { type: "deregistered", at: "", worker_id: "w1" } as const;
    for (let sent = 1; sent < feedBacklogLimit; sent += 1) feed.publish(event);
    expect(destroyed).toBe(0);
    feed.publish(event);
    expect(destroyed).toBe(1);
    expect(feed.readers).toBe(0);
  });
});

describe("the operator's routes", () => {
  it("drain a worker that supports draining, in the answer to its next heartbeat", async () => {
    const { register, beat, call } = createHive();
    expect(await codeOf(await call("POST", "/v1/workers/w1/drain"))).toBe("404 not_found");
    await register();
    expect(await codeOf(await call("POST", "/v1/workers/w1/drain"))).toBe("409 conflict");
    await register({ obeys: ["drain"] });
    const asked = await call("POST", "/v1/workers/w1/drain");
    expect([asked.status, HiveWorkerSchema.parse(await asked.json()).command]).toEqual([202, "drain"]);
    expect(await (await beat(0)).json()).toEqual({ command: "drain" });
  });

  it("remove only a worker that is gone", async () => {
    const { register, call } = createHive();
    await register();
    expect(await codeOf(await call("POST", "/v1/workers/w1/remove"))).toBe("409 conflict");
  });
});

describe("with tokens", () => {
  const tokens = createTokenTable([
    { name: "worker", token: "of-a-worker" },
    { name: "screen", token: "of-a-screen", monitor: true },
    { name: "root", token: "of-an-admin", admin: true },
  ]);
  const access = { tokens: () => tokens, allowedHosts: [], allowedOrigins: ["https://hive.example"] };
  const statusesOf = async (changes: object, headers: Record<string, string>) => {
    const { call } = createHive(undefined, { access, ...changes });
    const status = async (method: string, path: string): Promise<number> => {
      // A missing body is answered with 400, after the access checks.
      return (await call(method, path, { headers: { host: "hive.lan", ...headers } })).status;
    };
    return {
      report: [
        await status("PUT", "/v1/workers/w1"),
        await status("POST", "/v1/heartbeat"),
        await status("DELETE", "/v1/workers/w1"),
      ],
      read: [
        await status("GET", "/v1/workers"),
        await status("GET", "/v1/heartbeats/stream"),
        await status("GET", "/v1/faults"),
      ],
      change: [
        await status("POST", "/v1/workers/w1/drain"),
        await status("POST", "/v1/workers/w1/remove"),
        await status("PUT", "/v1/faults"),
      ],
      open: [await status("GET", "/livez"), await status("GET", "/")],
    };
  };
  const passed = { report: [400, 400, 404], read: [200, 200, 200], change: [404, 404, 400] };
  const closed = (status: number) => [status, status, status];
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  it.each([
    ["no token", {}, { report: closed(401), read: closed(401), change: closed(401) }],
    ["a wrong token", bearer("of-nobody"), { report: closed(401), read: closed(401), change: closed(401) }],
    ["a worker's token", bearer("of-a-worker"), { ...passed, read: closed(403), change: closed(403) }],
    ["a monitor's token", bearer("of-a-screen"), { ...passed, change: closed(403) }],
    ["an admin's token", bearer("of-an-admin"), passed],
  ])("the rights of a request with %s", async (_, headers, expected) => {
    expect(await statusesOf({}, headers)).toEqual({ ...expected, open: [200, 200] });
  });

  it.each([
    ["hive.lan:7700", "http://hive.lan:7700", [], 200],
    ["hive.lan:7700", "https://hive.lan:7700", [], 200],
    ["hive.lan:7700", "https://hive.example", [], 200],
    ["hive.lan:7700", "https://evil.example", [], 403],
    ["hive.lan:7700", undefined, ["hive.lan"], 200],
    ["other.lan:7700", undefined, ["hive.lan"], 403],
    ["localhost:7700", undefined, ["hive.lan"], 200],
  ])("with Host %s and Origin %s, where %j is allowed, answers %i", async (host, origin, allowedHosts, status) => {
    const { call } = createHive(undefined, { access: { ...access, allowedHosts } });
    const headers = { host, ...bearer("of-an-admin"), ...(origin === undefined ? {} : { origin }) };
    expect((await call("GET", "/v1/workers", { headers })).status).toBe(status);
  });
});

describe("a real connection", () => {
  it("is destroyed when its reader never reads", async () => {
    const { app, feed } = createHive();
    const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1", overrideGlobalObjects: false });
    await once(server, "listening");
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.write("GET /v1/heartbeats/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(socket, "readable");
    const bigEvent = { type: "deregistered", at: "", worker_id: "x".repeat(64 * 1024) } as const;
    for (let i = 0; i < 10 * feedBacklogLimit && feed.readers > 0; i += 1) {
      feed.publish(bigEvent);
      await setImmediate();
    }
    expect(feed.readers).toBe(0);
    // The close arrives after the data that the system has buffered.
    socket.resume();
    await once(socket, "close");
    server.close();
    await once(server, "close");
  });
});

describe("the app", () => {
  const routes = Object.entries(hiveRoutes).map(([name, { method, path }]) => [name, method, path] as const);

  it.each(routes)("checks Host and Origin on the route %s, except for liveness", async (name, method, path) => {
    const { call } = createHive();
    const foreign = [{ host: "evil.example" }, { origin: "https://evil.example" }, { origin: "null" }, { host: "" }];
    for (const headers of foreign) {
      const response = await call(method.toUpperCase(), path.replace(":id", "w1"), { headers });
      expect(response.status).toBe(name === "livez" ? 200 : 403);
    }
  });

  it.each([
    ["localhost", undefined, 200],
    ["LOCALHOST:7700", "http://localhost:7700", 200],
    ["127.0.0.1:7700", "http://127.0.0.1:7700", 200],
    ["[::1]:7700", "http://[::1]:7700", 200],
    ["127.0.0.2:7700", "http://127.0.0.2:7700", 200],
    ["127.0.0.1:7700", "http://localhost:7700", 403],
    ["127.0.0.1:7700", "http://127.0.0.1:8000", 403],
    ["127.0.0.1:7700", "https://127.0.0.1:7700", 200],
    ["localhost.evil.example", undefined, 403],
    ["127.0.0.1.evil.example:7700", undefined, 403],
    ["127.evil.example", undefined, 403],
    ["[::1]evil", undefined, 403],
    ["10.0.0.1", undefined, 403],
  ])("answers a request with Host %s and Origin %s with %i", async (host, origin, status) => {
    const { call } = createHive();
    const headers = origin === undefined ? { host } : { host, origin };
    expect((await call("GET", "/v1/workers", { headers })).status).toBe(status);
  });

  it.each([
    ["an image of another site", "/v1/workers", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }, 403],
    ["a link to a route", "/v1/workers", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }, 403],
    ["a link to a page", "/", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }, 200],
    ["its own page", "/v1/workers", { "sec-fetch-site": "same-origin" }, 200],
    ["the target of another host", "http://evil.example/v1/workers", {}, 403],
    ["an absolute target", "http://localhost:7700/v1/workers", {}, 200],
    ["an absolute target with an empty Host", "http://localhost:7700/v1/workers", { host: "" }, 403],
    ["an absolute target with a malformed Host", "http://localhost:7700/v1/workers", { host: "a b" }, 403],
  ])("without tokens, %s at %s with %j gets %d", async (_, url, headers: Record<string, string>, status) => {
    const { app } = createHive();
    const request = new Request(new URL(url, "http://localhost:7700"), {
      headers: { host: "localhost:7700", ...headers },
    });
    expect((await app.fetch(request, { incoming: { url } as IncomingMessage })).status).toBe(status);
  });

  it.each([
    ["GET", "/nope"],
    ["POST", "/"],
    ["GET", "/assets/none.js"],
    ["GET", "/v1/workers/"],
  ])("answers the unknown route %s %s with a typed 404", async (method, path) => {
    const { call } = createHive();
    expect(await codeOf(await call(method, path))).toBe("404 not_found");
  });

  it.each(Object.values<Route>(hiveRoutes))(
    "answers a wrong method at $path with 405 and Allow",
    async ({ method, path }) => {
      const { call } = createHive();
      const response = await call("PATCH", path);
      expect(response.headers.get("allow")).toContain(method.toUpperCase());
      expect(await codeOf(response)).toBe("405 method_not_allowed");
    },
  );

  it("names the route that a client probably meant", async () => {
    const { call } = createHive();
    const { error } = ErrorBodySchema.parse(await (await call("GET", "/v1/worker")).json());
    expect(error.message).toBe("Cannot GET /v1/worker: no such route. Did you mean GET /v1/workers?");
  });

  it("has a page at / that loads only its own files, and rejects a foreign Host", async () => {
    const { call } = createHive();
    const page = await call("GET", "/");
    expect(page.headers.get("content-type")).toContain("text/html");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect((await call("GET", "/", { headers: { host: "evil.example" } })).status).toBe(403);
  });

  it("hides a defect behind a typed 500 and logs its cause", async () => {
    const { call, registry, logged } = createHive();
    registry.list = () => {
      throw new Error("a secret defect");
    };
    const response = await call("GET", "/v1/workers");
    const body = await response.text();
    expect(response.status).toBe(500);
    expect(body).toContain('"code":"internal"');
    expect(body).not.toContain("secret");
    expect(logged.join("")).toContain("a secret defect");
  });
});

it("the app has routes for faults only with fault injection", async () => {
  for (const [changes, status] of [
    [{}, 200],
    [{ faults: undefined }, 404],
  ] as const) {
    const { call } = createHive(undefined, changes);
    expect((await call("GET", "/v1/faults")).status).toBe(status);
    expect((await call("PUT", "/v1/faults", { body: { fault: "none" } })).status).toBe(status);
  }
});

describe("a fault", () => {
  const set = (call: ReturnType<typeof createHive>["call"], body: unknown): Promise<Response> =>
    call("PUT", "/v1/faults", { body });

  it("starts as none, and applies until it is changed", async () => {
    const { call, register } = createHive();
    expect(await (await call("GET", "/v1/faults")).json()).toEqual({ fault: "none" });
    expect(await (await set(call, { fault: "500" })).json()).toEqual({ fault: "500" });
    expect(await codeOf(await register())).toBe("500 internal");
    expect(await (await call("GET", "/v1/faults")).json()).toEqual({ fault: "500" });
    await set(call, { fault: "none" });
    expect((await register()).status).toBe(200);
  });

  it("ends after count requests of workers", async () => {
    const { call, register, beat } = createHive();
    await set(call, { fault: "500", count: 2 });
    expect((await call("GET", "/v1/workers")).status).toBe(200);
    expect((await register()).status).toBe(500);
    expect(await (await call("GET", "/v1/faults")).json()).toEqual({ fault: "500", count: 1 });
    expect((await call("DELETE", "/v1/workers/w1")).status).toBe(500);
    expect((await register()).status).toBe(200);
    expect((await beat(0)).status).toBe(200);
  });

  it("called forget empties the registry once", async () => {
    const { call, register, beat } = createHive();
    await register();
    expect(await (await set(call, { fault: "forget" })).json()).toEqual({ fault: "none" });
    expect(await codeOf(await beat(0))).toBe("404 not_found");
    expect((await register()).status).toBe(200);
    expect((await beat(1)).status).toBe(200);
  });

  it("called delay delays the answer", async () => {
    const { call, register } = createHive();
    await set(call, { fault: "delay", delay_ms: 60 });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const answered = vi.fn();
    const answer = register().then(answered);
    await expect.poll(() => vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(59);
    await setImmediate();
    expect(answered).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    await answer;
    expect(answered.mock.calls).toMatchObject([[{ status: 200 }]]);
  });

  it("called drop or delay ends when the client gives up, without effect on the registry", async () => {
    const { call, registry } = createHive();
    for (const fault of [{ fault: "drop" }, { fault: "delay", delay_ms: 600_000 }]) {
      await set(call, fault);
      const client = new AbortController();
      const pending = call("PUT", "/v1/workers/w1", { body: registration, signal: client.signal });
      void setImmediate().then(() => client.abort());
      await pending;
    }
    expect(registry.list()).toEqual([]);
  });

  it("called refuse destroys the connection without reading the body", async () => {
    const { call, registry } = createHive();
    await set(call, { fault: "refuse" });
    const outgoing = Object.assign(new EventEmitter(), {
      destroyed: false,
      destroy: () => (outgoing.destroyed = true),
    });
    const env = { outgoing: outgoing as unknown as HttpBindings["outgoing"] };
    await call("PUT", "/v1/workers/w1", { body: registration, env });
    expect(outgoing.destroyed).toBe(true);
    expect(registry.list()).toEqual([]);
  });

  it.each([
    { fault: "explode" },
    { fault: "delay" },
    { fault: "drop", delay_ms: 5 },
    { fault: "none", count: 1 },
    { fault: "forget", count: 1 },
    { fault: "500", count: 0 },
    { fault: "500", novelty: 1 },
    {},
  ])("with wrong fields is refused: %j", async (fault) => {
    const { call } = createHive();
    expect(await codeOf(await set(call, fault))).toBe("400 invalid_argument");
    expect(await (await call("GET", "/v1/faults")).json()).toEqual({ fault: "none" });
  });
});
