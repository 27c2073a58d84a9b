import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { runCommand } from "../testing/run-command.ts";

// Timers are fake; the network is real.
beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

async function listen(answer: RequestListener): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

it("no worker is started when the worker at the default address is too busy to answer", async () => {
  let asked = (): void => {};
  const wasAsked = new Promise<void>((resolve) => (asked = resolve));
  await using busy = await listen(asked);
  const running = runCommand(["run", "hi"], { config: { url: busy.url } });
  await wasAsked;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await running).toEqual({
    code: 69,
    out: "",
    err: `waggle: Cannot reach ${busy.url}: no answer within 10000 ms. If a worker is busy there, try again; "--url" names another one.\n`,
  });
});

it("no worker is started when another program listens at the default address", async () => {
  await using other = await listen((_, response) => void response.writeHead(404).end());
  expect(await runCommand(["run", "hi"], { config: { url: other.url } })).toMatchObject({
    code: 69,
    err: expect.stringMatching(
      /^waggle: Cannot use the worker at \S+: GET \/v1\/info was answered with 404\. .*"--url" names another one\.\n$/,
    ) as string,
  });
});

it.each([
  [{ url: "https://llm.example" }, "Name its address with --url https://llm.example."],
  [undefined, "Name its address with --url."],
])("a server that refuses the host names its address: %j", async (details, remedy) => {
  const error = { code: "forbidden", message: "Cannot answer for the host.", details };
  await using other = await listen((_, response) => void response.writeHead(403).end(JSON.stringify({ error })));
  const { err } = await runCommand(["ps", "--url", other.url]);
  expect(err).toBe(`waggle: Cannot use the worker at ${other.url}: Cannot answer for the host. ${remedy}\n`);
});

it("a worker is started when the default address refuses connections", async () => {
  expect(await runCommand(["run", "hi"])).toMatchObject({
    code: 1,
    err: expect.stringMatching(/Cannot start a worker: .*waggle\.js/) as string,
  });
});
