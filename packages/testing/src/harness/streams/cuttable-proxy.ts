// Owns a TCP proxy to a daemon, whose connections a test can cut, and whose streams a test can hold.
import { createConnection, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

export interface CuttableProxy extends AsyncDisposable {
  readonly url: string;
  /** Closes all connections. */
  cut(): void;
  /** Whether new connections are closed at once. */
  refuse: boolean;
  /** For each new connection: after how many bytes of answers the connection is cut; undefined: never. */
  cutAfter: () => number | undefined;
  /** Connections that `cutAfter` has cut. */
  readonly cuts: number;
  /** Stops each stream after its next event that contains this text: the page sees no more of it until the next `hold` or `release`. */
  hold(after: string): void;
  release(): void;
}

export async function openProxy(targetUrl: string): Promise<CuttableProxy> {
  const open = new Set<Socket>();
  let cuts = 0;
  /** Pass on what they hold, up to the next hold. */
  const holds = new Set<() => void>();
  let holdAfter: string | undefined;

  /** Passes the daemon's bytes on, up to the end of the event after which streams are held. */
  function passOn(from: Socket, to: Socket): void {
    let held: Buffer[] | undefined;
    let seen = "";
    let ended = false;
    function take(bytes: Buffer): void {
      if (held !== undefined) return void held.push(bytes);
      if (holdAfter === undefined) return void to.write(bytes);
      const before = seen.length;
      seen += bytes.toString("latin1");
      const end = endOfEvent(seen, holdAfter);
      if (end === undefined) return void to.write(bytes);
      to.write(bytes.subarray(0, end - before));
      held = [bytes.subarray(end - before)];
      seen = "";
    }
    function goOn(): void {
      const kept = held ?? [];
      held = undefined;
      for (const bytes of kept) take(bytes);
      if (ended && held === undefined) to.end();
    }
    from.on("data", take);
    from.once("end", () => {
      ended = true;
      if (held === undefined) to.end();
    });
    holds.add(goOn);
    to.once("close", () => holds.delete(goOn));
  }

  function holdStreams(after: string | undefined): void {
    holdAfter = after;
    for (const goOn of holds) goOn();
  }

  /** Passes so many bytes of the daemon on, and then cuts the connection. */
  function passUntil(limit: number, outward: Socket, inward: Socket): void {
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
      inward.write(part, () => inward.destroy());
    });
  }

  const server = createServer((inward) => {
    if (proxy.refuse) return void inward.destroy();
    const target = new URL(targetUrl);
    const outward = createConnection(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [inward, outward],
      [outward, inward],
    ] as const) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", (failed) => {
        open.delete(socket);
        // A daemon's end is passed on behind what the daemon has sent.
        if (failed || socket === inward) other.destroy();
      });
    }
    inward.pipe(outward);
    const limit = proxy.cutAfter();
    if (limit === undefined) passOn(outward, inward);
    else passUntil(limit, outward, inward);
  });

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: CuttableProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    refuse: false,
    cutAfter: () => undefined,
    get cuts() {
      return cuts;
    },
    hold: holdStreams,
    release: () => holdStreams(undefined),
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

/** Index behind the first event with this text, once the event is complete. */
function endOfEvent(stream: string, text: string): number | undefined {
  const at = stream.indexOf(text);
  const end = at < 0 ? -1 : stream.indexOf("\n\n", at);
  return end < 0 ? undefined : end + 2;
}
