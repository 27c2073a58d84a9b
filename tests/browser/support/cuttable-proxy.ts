// Owns a TCP proxy to a daemon, whose connections a test can cut.
import { createConnection, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

export interface CuttableProxy extends AsyncDisposable {
  readonly url: string;
  /** Closes all connections. */
  cut(): void;
  /** Whether new connections are closed at once. */
  refuse: boolean;
}

export async function openProxy(targetUrl: string): Promise<CuttableProxy> {
  const target = new URL(targetUrl);
  const open = new Set<Socket>();
  const server = createServer((inward) => {
    if (proxy.refuse) return void inward.destroy();
    const outward = createConnection(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [inward, outward],
      [outward, inward],
    ] as const) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: CuttableProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    refuse: false,
    cut() {
      for (const socket of open) socket.resetAndDestroy();
    },
    async [Symbol.asyncDispose]() {
      proxy.cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
