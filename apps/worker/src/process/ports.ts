// Owns the ports of a worker: its main port and, with `--ollama`, Ollama's. Both serve the same application and close together.
import { listen } from "@waggle/front";
import type { App, ListeningServer } from "@waggle/front";
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
  const own = await listen(app, host, config.port, config);
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
