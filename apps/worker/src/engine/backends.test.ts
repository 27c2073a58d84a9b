import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineEvent } from "@waggle/engine";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadBackend } from "./backends.ts";
import type { EngineStart } from "./engine-start.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "backends-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a download is told about while less than a hundredth of it arrives", async () => {
  const sizeBytes = 1_000_000;
  let finish = (): void => {};
  const server = createServer(({ headers }, response) => {
    if (headers.range !== undefined) {
      response.writeHead(206, { "content-range": `bytes 0-0/${sizeBytes}`, "content-length": 1 }).end("x");
      return;
    }
    response.writeHead(200, { "content-length": sizeBytes }).write(Buffer.alloc(5_000));
    finish = () => response.end(Buffer.alloc(sizeBytes - 5_000));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const told: EngineEvent[] = [];
  const start = {
    backend: "llama",
    model: `http://127.0.0.1:${port}/x.gguf`,
    settings: {},
    modelsFolder: folder,
    offline: false,
  } as EngineStart;
  const loading = loadBackend(start, (event) => {
    told.push(event);
    // Nothing has come since the first of these: the third was sent by time alone.
    if (told.filter((one) => one.type === "loading" && one.doneBytes === 5_000).length === 3) finish();
  });
  await expect(loading).rejects.toThrow(/^Cannot load model .*x\.gguf: /);
  expect(told.every((event) => event.type === "loading" && event.stage === "downloading")).toBe(true);
  expect(told.at(-1)).toMatchObject({ progress: 1, doneBytes: sizeBytes });
  server.close();
});
