import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { listListeningPorts } from "../index.ts";

it("listListeningPorts sees a port as long as it is bound", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  expect(await listListeningPorts([process.pid])).toContain(port);
  server.close();
  await once(server, "close");
  expect(await listListeningPorts([process.pid])).not.toContain(port);
});
