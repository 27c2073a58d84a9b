// Owns a nats-server with JetStream in a separate folder. After a stop and a start, the server has the same port and streams.
import { randomInt } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { deferred } from "@waggle/async";
import type { ProcessGroup, ProcessGroups } from "./process-group.ts";
import { waitFor } from "../wait.ts";

/** Last lines of the log, for the error when the server exits early. */
const keptLines = 5;

/** nats-server is not installed. */
export class NatsServerMissingError extends Error {
  override readonly name = "NatsServerMissingError";
  constructor(options?: ErrorOptions) {
    super("Cannot start nats-server: it is not installed (Debian's package is called nats-server).", options);
  }
}

export interface NatsOptions {
  /** By default `nats-server`, in PATH or an `sbin` next to it. */
  readonly program?: string;
  /** Folder of the streams; by default a new folder, deleted with the server. */
  readonly folder?: string;
  /** Address to listen on; loopback by default. */
  readonly address?: string;
  /** Configuration file in nats-server's format, for settings without a flag: flags override the file. */
  readonly configFile?: string;
  /** Environment variables in addition to those of this process: a configuration file may refer to variables. */
  readonly env?: NodeJS.ProcessEnv;
}

export interface NatsServer extends AsyncDisposable {
  /** `nats://127.0.0.1:…`, the same after each start. */
  readonly url: string;
  readonly pid: number;
  /** Sends a signal: SIGSTOP freezes the server, SIGCONT resumes it. Does nothing when the server is stopped. */
  signal(name: NodeJS.Signals): void;
  /** Sends SIGTERM or the given signal; resolves when the server has exited. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts a stopped server with its stored streams. Resolves when the server accepts connections. */
  start(): Promise<void>;
  /** Number of messages in a stream, from the server's monitoring page. */
  messagesIn(stream: string): Promise<number>;
  /** Traffic between the server and its clients since the server's start, from its monitoring page. */
  traffic(): Promise<NatsTraffic>;
}

export interface NatsTraffic {
  readonly messagesReceived: number;
  readonly messagesSent: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** Resolves when the server accepts connections. @throws NatsServerMissingError; Error with the end of the log when the server exits before */
export async function startNats(groups: ProcessGroups, options: NatsOptions = {}): Promise<NatsServer> {
  const { program = "nats-server", address = "127.0.0.1", configFile } = options;
  const ownFolder = mkdtempSync(join(tmpdir(), "waggle-nats-"));
  const folder = options.folder ?? ownFolder;
  let [port, monitor] = [0, 0];
  const env = { ...process.env, ...options.env, PATH: programFolders().join(delimiter) };
  let group: ProcessGroup | undefined;

  async function start(): Promise<void> {
    if (group !== undefined) return;
    const log: string[] = [];
    const ready = deferred<void>();
    const onLogLine = (line: string): void => {
      if (line.endsWith("Server is ready")) ready.resolve();
      log.push(line);
      if (log.length > keptLines) log.shift();
    };
    const own = ["-js", "-sd", folder, "-a", address, "-p", String(port), "-m", String(monitor)];
    const command = [program, ...own, ...(configFile === undefined ? [] : ["-c", configFile])] as const;
    group = await groups.start({ name: "nats", command, env, onLogLine }).catch((error: Error) => {
      throw isMissing(error) ? new NatsServerMissingError({ cause: error }) : error;
    });
    const left = group.exited.then(({ code }) => {
      throw new Error(`nats-server left with exit code ${code ?? "none"}: ${log.join("\n")}`);
    });
    await waitFor("nats-server to take connections", Promise.race([left, ready.promise]));
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

  const forgetFolder = (): void => rmSync(ownFolder, { recursive: true, force: true });
  // Deletes the folder also when no caller disposes the server.
  process.once("exit", forgetFolder);

  async function cleanUp(): Promise<void> {
    await stop("SIGKILL");
    process.off("exit", forgetFolder);
    forgetFolder();
  }

  try {
    // Until a client knows the ports, they may change: another program may have bound one.
    for (let tries = 1; group === undefined; tries += 1) {
      [port, monitor] = somePorts();
      await start().catch((error: Error) => {
        group = undefined;
        if (tries === portTries || !error.message.includes("address already in use")) throw error;
      });
    }
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
    async messagesIn(stream) {
      const { account_details: accounts = [] } = await page<JetStreamPage>("jsz?streams=true");
      const found = accounts.flatMap(({ stream_detail: streams = [] }) => streams).find(({ name }) => name === stream);
      return found?.state.messages ?? 0;
    },
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

/** The fields that we read of `/jsz` (nats-server's monitoring). */
interface JetStreamPage {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly name: string; readonly state: { readonly messages: number } }[];
  }[];
}

/** The fields that we read of `/varz`. */
interface ServerPage {
  readonly in_msgs: number;
  readonly out_msgs: number;
  readonly in_bytes: number;
  readonly out_bytes: number;
}

/** Systems give higher ports to clients, and to servers that ask for any. A port from here is still free when nats-server starts again. */
const [leastPort, mostPort] = [20_000, 32_000];
const portTries = 100;

function somePorts(): [port: number, monitor: number] {
  // The monitor has the odd port next to it.
  const port = 2 * randomInt(leastPort / 2, mostPort / 2);
  return [port, port + 1];
}

/**
 * The folders to search for programs: PATH, and the `sbin` next to each of its `bin`. Debian installs nats-server in /usr/sbin, which only
 * root has in PATH.
 */
export function programFolders(path: string = process.env["PATH"] ?? ""): string[] {
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  const systemFolders = folders
    .filter((folder) => basename(folder) === "bin")
    .map((folder) => join(dirname(folder), "sbin"));
  return [...new Set([...folders, ...systemFolders])];
}

export function hasProgram(name: string): boolean {
  return programFolders().some((folder) => existsSync(join(folder, name)));
}
