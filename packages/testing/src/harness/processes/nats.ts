// Owns a nats-server with JetStream, in a separate folder, that can be stopped and started again as it was.
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { ProcessGroup, ProcessGroups } from "./process-group.ts";
import { poll, waitFor } from "../wait.ts";

/** Debian puts it where only root looks. */
const moreFolders = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"];
/** Lines of its log that are kept to say why it left. */
const keptLines = 5;

/** There is no such program on this machine. */
export class NatsServerMissingError extends Error {
  override readonly name = "NatsServerMissingError";
  constructor(options?: ErrorOptions) {
    super("Cannot start nats-server: it is not installed (Debian's package is called nats-server).", options);
  }
}

export interface NatsOptions {
  /** `nats-server`, found in PATH and where Debian puts it. */
  readonly program?: string;
  /** Where streams are kept; by default a new one, which goes with the server. */
  readonly folder?: string;
  /** What it listens on; loopback by default. */
  readonly address?: string;
  /** A file in nats-server's own format, whose settings win over ours. */
  readonly configFile?: string;
  /** In addition to those of this process: a configuration may name variables. */
  readonly env?: NodeJS.ProcessEnv;
}

export interface NatsServer extends AsyncDisposable {
  /** `nats://127.0.0.1:…`, the same after each start. */
  readonly url: string;
  readonly pid: number;
  /** To the server: SIGSTOP and SIGCONT freeze it and let it continue. Does nothing where it is stopped. */
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, or what is named; resolves when it has left. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** With what it has kept, unless it runs. Resolves when it takes connections. */
  start(): Promise<void>;
  /** How many messages a stream holds, by the server's own page. */
  messagesIn(stream: string): Promise<number>;
  bytesIn(stream: string): Promise<number>;
  /** What its clients have sent it, and it has sent them, since its start, by the server's own page. */
  traffic(): Promise<NatsTraffic>;
}

export interface NatsTraffic {
  readonly messagesReceived: number;
  readonly messagesSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** Resolves when it takes connections. @throws NatsServerMissingError; Error with the end of its log when it leaves before */
export async function startNats(groups: ProcessGroups, options: NatsOptions = {}): Promise<NatsServer> {
  const { program = "nats-server", address = "127.0.0.1", configFile } = options;
  const ownFolder = mkdtempSync(join(tmpdir(), "waggle-nats-"));
  const folder = options.folder ?? ownFolder;
  const [port, monitor] = await freePorts();
  const own = ["-js", "-sd", folder, "-a", address, "-p", String(port), "-m", String(monitor)];
  const command = [program, ...own, ...(configFile === undefined ? [] : ["-c", configFile])] as const;
  const env = { ...process.env, ...options.env, PATH: [process.env["PATH"], ...moreFolders].join(delimiter) };
  let group: ProcessGroup | undefined;

  async function start(): Promise<void> {
    if (group !== undefined) return;
    const log: string[] = [];
    const onLogLine = (line: string): void => {
      log.push(line);
      if (log.length > keptLines) log.shift();
    };
    group = await groups.start({ name: "nats", command, env, onLogLine }).catch((error: Error) => {
      throw isMissing(error) ? new NatsServerMissingError({ cause: error }) : error;
    });
    const left = group.exited.then(({ code }) => {
      throw new Error(`nats-server left with exit code ${code ?? "none"}: ${log.join("\n")}`);
    });
    let hasLeft = false;
    left.catch(() => (hasLeft = true));
    // The wait ends once it has left.
    const look = async (): Promise<boolean> => hasLeft || (await accepts(port));
    await Promise.race([left, poll("nats-server to take connections", look)]);
  }

  async function stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const running = group;
    group = undefined;
    if (running === undefined) return;
    running.signal(signal);
    await waitFor("nats-server to leave", running.exited);
  }

  async function page<T>(path: string): Promise<T> {
    const response = await fetch(`http://127.0.0.1:${monitor}/${path}`);
    return (await response.json()) as T;
  }

  async function stateOf(stream: string): Promise<StreamState> {
    const { account_details: accounts = [] } = await page<JetStreamPage>("jsz?streams=true");
    const found = accounts.flatMap(({ stream_detail: streams = [] }) => streams).find(({ name }) => name === stream);
    return found?.state ?? { messages: 0, bytes: 0 };
  }

  const forgetFolder = (): void => rmSync(ownFolder, { recursive: true, force: true });
  // Also where no caller cleans up.
  process.once("exit", forgetFolder);

  async function cleanUp(): Promise<void> {
    await stop("SIGKILL");
    process.off("exit", forgetFolder);
    forgetFolder();
  }

  try {
    await start();
  } catch (error) {
    await cleanUp();
    throw error;
  }
  return {
    url: `nats://127.0.0.1:${port}`,
    get pid() {
      if (group === undefined) throw new Error("nats-server is stopped");
      return group.pid;
    },
    signal: (name) => group?.signal(name),
    stop,
    start,
    messagesIn: async (stream) => (await stateOf(stream)).messages,
    bytesIn: async (stream) => (await stateOf(stream)).bytes,
    async traffic() {
      const { in_msgs, out_msgs, in_bytes, out_bytes } = await page<ServerPage>("varz");
      return { messagesReceived: in_msgs, messagesSent: out_msgs, bytesReceived: in_bytes, bytesSent: out_bytes };
    },
    [Symbol.asyncDispose]: cleanUp,
  };
}

function isMissing({ cause }: Error): boolean {
  return (cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT";
}

interface StreamState {
  readonly messages: number;
  readonly bytes: number;
}

/** What is read of `/jsz` (nats-server's monitoring). */
interface JetStreamPage {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly name: string; readonly state: StreamState }[];
  }[];
}

/** What is read of `/varz`. */
interface ServerPage {
  readonly in_msgs: number;
  readonly out_msgs: number;
  readonly in_bytes: number;
  readonly out_bytes: number;
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    // It greets each connection.
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
