// Tests HTTP on real sockets: bodies in chunks and of wrong sizes, malformed HTTP, and connections that break.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { Agent, request } from "node:http";
import { withTimeout } from "@waggle/async";
import { poll } from "@waggle/testing/harness";
import { ErrorBodySchema } from "@waggle/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { killDaemons, spawnFakeWorker } from "../support/daemon.ts";

let worker: Awaited<ReturnType<typeof spawnFakeWorker>>;
beforeAll(async () => {
  worker = await spawnFakeWorker(["--max-body", "64KiB", "--fake-step-delay", "5"]);
});
afterAll(killDaemons);

interface Answer {
  readonly status: number;
  readonly text: string;
  /** The client's port. */
  readonly port: number | undefined;
}

/** Sends a body in chunks, without a Content-Length. */
function postChunked(path: string, chunks: readonly string[], agent?: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(`${worker.url}${path}`, { method: "POST", agent }, (response) => {
      const { localPort: port } = response.socket;
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, text, port }));
    });
    call.once("error", reject);
    for (const chunk of chunks) call.write(chunk);
    call.end();
  });
}

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(worker.url).port), "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
    socket.once("close", () => resolve(answer));
    socket.once("error", reject);
  });
}

describe("bodies", () => {
  it("with thousands of one-byte chunks are refused, and with a few are accepted", async () => {
    const head = "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    const answer = await raw(`${head}${"1\r\nx\r\n".repeat(5_000)}0\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain("less than 64 bytes each");
    const few = await postChunked("/v1/inference", [...'{"prompt":"hello [eog:2]"}']);
    expect(few.status).toBe(200);
  });

  it("that are too large are refused, with or without a Content-Length, and the client gets the answer", async () => {
    const large = JSON.stringify({ prompt: "x".repeat(20_000_000) });
    const announced = await fetch(`${worker.url}/v1/jobs`, { method: "POST", body: large });
    expect(announced.status).toBe(413);
    expect(ErrorBodySchema.parse(await announced.json()).error.code).toBe("payload_too_large");
    const chunked = await postChunked("/v1/jobs", [large.slice(0, 40_000), large.slice(40_000, 100_000)]);
    expect(chunked.status).toBe(413);
  });

  it("that are refused while they arrive leave the connection to the next request", async () => {
    // The worker closes a connection whose body does not end within half a second, which may happen while the machine pauses.
    await poll("a connection that serves the next request too", async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      try {
        const refused = await postChunked("/v1/messages", Array<string>(100).fill(" ".repeat(60_000)), agent);
        expect(refused.status).toBe(413);
        const next = await postChunked("/v1/inference", ['{"prompt":"hello [eog:2]"}'], agent);
        expect(next).toMatchObject({ status: 200, port: refused.port });
        return true;
      } finally {
        agent.destroy();
      }
    });
  });

  it("on routes without a body are ignored", async () => {
    const response = await fetch(`${worker.url}/v1/jobs/nobody`, { method: "DELETE", body: "{}" });
    expect(response.status).toBe(404);
  });
});

describe("malformed HTTP", () => {
  const chunked = "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";

  it.each([
    ["garbage", "GARBAGE\r\n\r\n", 400],
    ["a negative length", "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400],
    ["an invalid Host", "GET /v1/info HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n", 400],
    ["a chunk of a wrong size", `${chunked}zz\r\nhello\r\n`, 400],
    ["no Host", "GET /v1/info HTTP/1.1\r\nConnection: close\r\n\r\n", 403],
    ["an unknown Expect", "GET /v1/info HTTP/1.1\r\nHost: localhost\r\nExpect: tea\r\nConnection: close\r\n\r\n", 400],
    ["huge headers", `GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: ${"x".repeat(40_000)}\r\n\r\n`, 413],
  ])("gets a typed error: %s", async (_, text, status) => {
    const answer = await raw(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    const body = answer.slice(answer.indexOf("\r\n\r\n") + 4);
    expect(ErrorBodySchema.parse(JSON.parse(body)).error.code).toMatch(/invalid_argument|payload_too_large|forbidden/);
  });
});

it("a refused client that does not close its side occupies no connection", async () => {
  const narrow = await spawnFakeWorker(["--max-connections", "1"]);
  const target = { port: Number(new URL(narrow.url).port), host: "127.0.0.1", allowHalfOpen: true };
  // Repeated, because the worker's first probe may still have the only connection.
  await poll("an answer to malformed HTTP", async () => {
    const socket = connect(target, () => socket.write("no HTTP\r\n\r\n"));
    socket.on("error", () => undefined).resume();
    await Promise.race([once(socket, "end"), once(socket, "close")]);
    return socket.bytesRead > 0;
  });
  await poll("an answer to /health", async () => (await fetch(`${narrow.url}/health`)).ok);
});

describe("a HEAD on a stream", () => {
  it("gets the headers, and leaves no reader behind", async () => {
    const { job_id: id } = await worker.client.createJob({ prompt: "endless", on_disconnect: "continue" });
    for (const path of [`/v1/jobs/${id}/stream`, "/v1/loading/progress"]) {
      const response = await fetch(`${worker.url}${path}`, { method: "HEAD" });
      expect(response.headers.get("content-type")).toBe("text/event-stream");
    }
    const metrics = await worker.client.metrics();
    expect(metrics).toMatch(/^waggle_streams_open 0$/m);
    expect(metrics).toContain('waggle_http_requests_total{route="/v1/jobs/:id/stream",status="200"} 1');
    await worker.client.cancelJob(id);
  });
});

describe("a client that disconnects", () => {
  it("in the middle of its body causes no error in the worker's log", async () => {
    const call = request(`${worker.url}/v1/jobs`, { method: "POST", headers: { "content-length": "1000" } });
    call.on("error", () => {});
    call.write('{"prompt": "half');
    await poll("a request in the metrics", async () =>
      (await worker.client.metrics()).includes("waggle_http_requests_total"),
    );
    call.destroy();
    await worker.client.info();
    expect(worker.log.text).not.toContain("request_failed");
  });
});

describe("connections", () => {
  it("that arrive while the worker is stopped wait in the listen backlog", async () => {
    const busy = await spawnFakeWorker();
    const { pid, url } = busy;
    const most = Number(await readFile("/proc/sys/net/core/somaxconn", "utf8").catch(() => "128"));
    process.kill(pid, "SIGSTOP");
    const sockets = Array.from({ length: Math.min(700, most) }, () => connect(Number(new URL(url).port), "127.0.0.1"));
    try {
      // The stopped worker accepts no connections. TCP would retry connections that do not fit into the backlog, with growing delays.
      await withTimeout(
        Promise.all(sockets.map((socket) => once(socket, "connect"))),
        60_000,
        "Some connections were not established",
      );
    } finally {
      process.kill(pid, "SIGCONT");
      for (const socket of sockets) socket.on("error", () => {}).destroy();
    }
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });
});
