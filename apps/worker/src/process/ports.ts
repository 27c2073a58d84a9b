// Owns the ports of a worker: its main port and, with `--ollama`, Ollama's. Both serve the same application and close together.
import { listen } from "@waggle/front";
import type { App, ListeningServer } from "@waggle/front";
import { PortTakenError } from "@waggle/daemon/ports";
import type { WorkerConfig } from "../config.ts";

/** Text at `/` by which clients recognize an Ollama server. */
const greeting = "Ollama is running";

export interface Ports extends ListeningServer {
  readonly ollamaUrl: string | undefined;
}

/**
 * @param onOpen receives the URL of the main port as soon as that port is open, before Ollama's port opens
 * @throws PortTakenError, or another error of a port; then both ports are closed
 */
export async function openPorts(app: App, config: WorkerConfig, onOpen: (url: string) => void): Promise<Ports> {
  const { host } = config;
  const own = await listen(app, host, config.port, config).catch(async (error: unknown) => {
    throw error instanceof PortTakenError ? await explainTaken(error, config) : error;
  });
  onOpen(own.url);
  if (!config.ollama) return { ...own, ollamaUrl: undefined };
  const ollama = await listen(app, host, config.ollamaPort, config, greeting).catch(async (error: unknown) => {
    await own.close();
    throw error;
  });
  const both = [own, ollama];
  return {
    url: own.url,
    ollamaUrl: ollama.url,
    stopAccepting: () => both.forEach((server) => server.stopAccepting()),
    answered: async () => void (await Promise.all(both.map((server) => server.answered()))),
    close: async () => void (await Promise.all(both.map((server) => server.close()))),
  };
}

/** How long the process on a taken port may take to say whether it is Waggle. */
const askTimeoutMs = 2_000;
const wildcards: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** The error with the way to a second worker if Waggle already runs on the port, or else the error itself. */
async function explainTaken(error: PortTakenError, { host, port }: WorkerConfig): Promise<PortTakenError> {
  const name = wildcards.has(host) ? "127.0.0.1" : host;
  const url = `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
  if (!(await isWaggle(url))) return error;
  const second = port === 65_535 ? port - 1 : port + 1;
  const message = `Waggle already runs there: ${url}, ${error.holder}. For a second one: --port ${second}.`;
  return new PortTakenError(message, error.holder);
}

async function isWaggle(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/v1/info`, { signal: AbortSignal.timeout(askTimeoutMs) });
    const info = (await response.json()) as { readonly worker_id?: unknown } | null;
    return typeof info?.worker_id === "string";
  } catch {
    return false;
  }
}
