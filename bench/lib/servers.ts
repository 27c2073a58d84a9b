// Owns the two servers that are compared: a worker, and llama-server with the same files. Both serve OpenAI's chat completions.
import { basename } from "node:path";
import { createServer, type AddressInfo } from "node:net";
import { poll, send, startWorker, type ProcessGroups, type Worker } from "@waggle/testing/harness";

export interface Server {
  readonly name: string;
  readonly url: string;
  /** Undefined for llama-server. */
  readonly worker: Worker | undefined;
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly groups: ProcessGroups;
  /** Paths of GGUF files. */
  readonly files: { readonly model: string; readonly projector?: string };
  readonly slots: number;
  /** Undefined: the server's choice. */
  readonly threads?: number | undefined;
  readonly contextSize: number;
  /** A cache in single precision, and no flash attention. */
  readonly exact?: boolean;
  readonly flags?: readonly string[];
}

const readyLimitMs = 600_000;
const stopLimitMs = 20_000;

export async function openWorker(options: ServerOptions): Promise<Server> {
  const { groups, slots, contextSize, exact, flags = [] } = options;
  const precise = ["--cache-type-k", "f32", "--cache-type-v", "f32", "--flash-attention", "off", "--guesses", "off"];
  const worker = await startWorker(groups, {
    flags: [
      ...["--slots", String(slots), "--context-size", String(contextSize), ...sharedFlags(options)],
      ...(exact === true ? precise : []),
      ...flags,
    ],
    readyLimitMs,
  });
  return { name: "waggle", url: worker.url, worker, stop: async () => void (await worker.stop(stopLimitMs)) };
}

/** @param program llama-server of the same release */
export async function openLlamaServer(program: string, options: ServerOptions): Promise<Server> {
  const { groups, slots, contextSize, exact } = options;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const precise = ["--cache-type-k", "f32", "--cache-type-v", "f32", "--flash-attn", "off"];
  const group = await groups.start({
    name: "llama-server",
    command: [
      program,
      ...["--port", String(port), "--jinja", ...sharedFlags(options)],
      ...["--parallel", String(slots), "--ctx-size", String(slots * contextSize)],
      ...["--batch-size", "512", "--ubatch-size", "512"],
      ...(exact === true ? precise : []),
    ],
    env: process.env,
  });
  await poll(`${basename(program)} to be ready`, async () => await isHealthy(url), readyLimitMs);
  return {
    name: "llama-server",
    url,
    worker: undefined,
    async stop() {
      group.signal("SIGTERM");
      await group.exited;
    },
  };
}

/** Flags with the same names at both servers. */
function sharedFlags({ files: { model, projector }, threads }: ServerOptions): readonly string[] {
  const mmproj = projector === undefined ? [] : ["--mmproj", projector];
  return ["--model", model, ...mmproj, ...(threads === undefined ? [] : ["--threads", String(threads)])];
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await send({ url: `${url}/health` })).status === 200;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => void server.close(resolve));
  return port;
}
