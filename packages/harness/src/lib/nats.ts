// Owns a nats-server with JetStream, in a folder of its own, that can be stopped and started again as it was.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProcessGroup, ProcessGroups } from "./process-group.ts";
import { poll, waitFor } from "./wait.ts";

export interface NatsServer extends AsyncDisposable {
  /** `nats://127.0.0.1:…`, the same after each start. */
  readonly url: string;
  readonly pid: number;
  /** SIGTERM, or what is named; resolves when it has left. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** With what it has kept. Resolves when it takes connections. */
  start(): Promise<void>;
  /** How many messages a stream holds, by the server's own page. */
  messagesIn(stream: string): Promise<number>;
}

/** @param config a file in nats-server's own format, whose settings win over ours */
export async function startNats(groups: ProcessGroups, config?: string): Promise<NatsServer> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-nats-"));
  const [port, monitor] = await freePorts();
  const own = ["-js", "-sd", folder, "-a", "127.0.0.1", "-p", String(port), "-m", String(monitor)];
  const command = ["nats-server", ...own, ...(config === undefined ? [] : ["-c", config])] as const;
  let group: ProcessGroup | undefined;

  async function start(): Promise<void> {
    group = await groups.start({ name: "nats", command, env: process.env });
    const left = group.exited.then(({ code }) => {
      throw new Error(`nats-server left with exit code ${code ?? "none"}`);
    });
    left.catch(() => {});
    await Promise.race([poll("nats-server to take connections", async () => await accepts(port)), left]);
  }

  async function stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const running = group;
    group = undefined;
    if (running === undefined) return;
    running.signal(signal);
    await waitFor("nats-server to leave", running.exited);
  }

  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    get pid() {
      if (group === undefined) throw new Error("nats-server is stopped");
      return group.pid;
    },
    stop,
    start,
    async messagesIn(stream) {
      const response = await fetch(`http://127.0.0.1:${monitor}/jsz?streams=true`);
      const { account_details: accounts = [] } = (await response.json()) as JetStreamPage;
      const found = accounts.flatMap(({ stream_detail: streams = [] }) => streams).find(({ name }) => name === stream);
      return found?.state.messages ?? 0;
    },
    async [Symbol.asyncDispose]() {
      await stop("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What is read of `/jsz` (nats-server's monitoring). */
interface JetStreamPage {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly name: string; readonly state: { readonly messages: number } }[];
  }[];
}

/** Whether there is a nats-server to start. */
export async function hasNats(): Promise<boolean> {
  return await new Promise((resolve) => {
    const child = spawn("nats-server", ["--version"], { stdio: "ignore" });
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    // It greets whoever comes.
    socket.once("data", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function freePorts(): Promise<readonly [number, number]> {
  const servers = [createServer(), createServer()];
  const ports = await Promise.all(
    servers.map(
      async (server) =>
        await new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  for (const server of servers) server.close();
  return [ports[0] ?? 0, ports[1] ?? 0];
}
