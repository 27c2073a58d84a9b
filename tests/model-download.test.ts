// A worker whose model is still coming down: what it shows of the address that it comes from.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { killDaemons, spawnDaemon } from "./support/daemon.ts";

afterEach(killDaemons);

it("shows neither credentials nor the signature of an address, and serves what comes from there", async () => {
  const model = await readFile(new URL("../models/waggle-tiny-stories.gguf", import.meta.url));
  let finish = (): void => {};
  let begun = (): void => {};
  const halfway = new Promise<void>((resolve) => (begun = resolve));
  const server = createServer(({ headers }, response) => {
    if (headers.range !== undefined) {
      response.writeHead(206, { "content-range": `bytes 0-0/${model.length}`, "content-length": 1 }).end("G");
      return;
    }
    response.writeHead(200, { "content-length": model.length }).write(model.subarray(0, model.length / 2));
    finish = () => response.end(model.subarray(model.length / 2));
    begun();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const folder = await mkdtemp(join(tmpdir(), "waggle-"));
  const address = `http://bee:pass-5ecre7@127.0.0.1:${port}/story.gguf?X-Amz-Signature=5ecre7`;
  const worker = await spawnDaemon("worker", [
    ...["--local-mode", "--port", "0", "--log-level", "debug"],
    ...["--models-dir", folder, "--model", address],
  ]);
  await halfway;
  await worker.logged((line) => line["msg"] === "model_download");
  const paths = ["/health", "/v1/info", "/v1/models", "/metrics"];
  const shown = await Promise.all(paths.map(async (path) => (await fetch(worker.url + path)).text()));
  finish();
  await worker.line("ready");
  expect(JSON.parse(shown[0] ?? "")).toMatchObject({ model: "story" });
  for (const text of [...shown, worker.log(), JSON.stringify(worker.lines)]) expect(text).not.toContain("5ecre7");
  worker.signal("SIGTERM");
  expect(await worker.exited).toBe(0);
  server.close();
  await rm(folder, { recursive: true });
});
