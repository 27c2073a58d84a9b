// Tests workers whose model is being downloaded: they hide the secrets of its address, and only one of two workers downloads it.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { killDaemons, spawnDaemon } from "../support/daemon.ts";

afterEach(killDaemons);

it("hides credentials and signature of the address, downloads the file once for two workers, and serves it", async () => {
  const model = await readFile(new URL("../../models/waggle-tiny-stories.gguf", import.meta.url));
  let finish = (): void => {};
  let begun = (): void => {};
  const halfway = new Promise<void>((resolve) => (begun = resolve));
  let askedTwice = (): void => {};
  const bothAsked = new Promise<void>((resolve) => (askedTwice = resolve));
  let questions = 0;
  let transfers = 0;
  const server = createServer(({ headers }, response) => {
    if (headers.range !== undefined) {
      if ((questions += 1) === 2) askedTwice();
      response.writeHead(206, { "content-range": `bytes 0-0/${model.length}`, "content-length": 1 }).end("G");
      return;
    }
    transfers += 1;
    response.writeHead(200, { "content-length": model.length }).write(model.subarray(0, model.length / 2));
    finish = () => response.end(model.subarray(model.length / 2));
    begun();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const folder = await mkdtemp(join(tmpdir(), "waggle-"));
  const address = `http://bee:pass-5ecre7@127.0.0.1:${port}/story.gguf?X-Amz-Signature=5ecre7`;
  const flags = ["--local-mode", "--port", "0", "--log-level", "debug", "--models-dir", folder, "--model", address];
  const worker = await spawnDaemon("worker", flags);
  await halfway;
  const second = await spawnDaemon("worker", flags);
  await bothAsked;
  await worker.log.line("the start of the download", (line) => line["msg"] === "model_download");
  const paths = ["/health", "/v1/info", "/v1/models", "/metrics"];
  const shown = await Promise.all(paths.map(async (path) => (await fetch(worker.url + path)).text()));
  finish();
  await Promise.all([worker.line("ready"), second.line("ready")]);
  expect(transfers).toBe(1);
  expect(JSON.parse(shown[0] ?? "")).toMatchObject({ model: "story" });
  for (const text of [...shown, worker.log.text, JSON.stringify(worker.lines)]) expect(text).not.toContain("5ecre7");
  for (const daemon of [worker, second]) daemon.signal("SIGTERM");
  expect([(await worker.exited).code, (await second.exited).code]).toEqual([0, 0]);
  server.close();
});
