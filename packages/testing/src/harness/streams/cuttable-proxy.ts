// Owns a TCP proxy to a daemon, whose connections a test can cut.
import { createConnection, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

export interface CuttableProxy extends AsyncDisposable {
  readonly url: string;
  /** Closes all connections. */
  cut(): void;
  /** Whether new connections are closed at once. */
  refuse: boolean;
  /** The daemon of new connections. */
  targetUrl: string;
  /** For each new connection: after how many bytes of answers the connection is cut; undefined: never. */
  cutAfter: () => number | undefined;
  /** Connections that `cutAfter` has cut. */
  readonly cuts: number;
}

export async function openProxy(targetUrl: string): Promise<CuttableProxy> {
  const open = new Set<Socket>();
  let cuts = 0;
  const server = createServer((inward) => {
    if (proxy.refuse) return void inward.destroy();
    const target = new URL(proxy.targetUrl);
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
    }
    inward.pipe(outward);
    passOn(outward, inward, proxy.cutAfter());
  });

  function passOn(outward: Socket, inward: Socket, limit: number | undefined): void {
    if (limit === undefined) return void outward.pipe(inward);
    let left = limit;
    outward.on("end", () => inward.end());
    outward.on("data", (chunk: Buffer) => {
      const part = chunk.subarray(0, left);
      const isLast = left > 0 && part.length === left;
      left -= part.length;
      if (part.length === 0) return;
      if (!isLast) return void inward.write(part);
      cuts += 1;
      // The bytes before the cut arrive: only then is the connection destroyed.
      inward.write(part, () => outward.destroy());
    });
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: CuttableProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    refuse: false,
    targetUrl,
    cutAfter: () => undefined,
    get cuts() {
      return cuts;
    },
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
