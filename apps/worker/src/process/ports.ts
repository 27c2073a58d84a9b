// Owns the ports of a worker: its own, and Ollama's where it is asked for. Both lead to the same application and close together.
import { listen } from "@waggle/front";
import type { App, ListeningServer } from "@waggle/front";
import type { WorkerConfig } from "../config.ts";

/** By these words Ollama's clients know its port. */
const greeting = "Ollama is running";

export interface Ports extends ListeningServer {
  readonly ollamaUrl: string | undefined;
}

/**
 * @param onOpen receives the address of the worker's port as soon as it is open, before Ollama's
 * @throws PortTakenError, or another error that kept one of them from opening; then none is open
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
