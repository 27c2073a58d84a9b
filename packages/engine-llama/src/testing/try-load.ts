// Loads a model in a separate process, because only a process's first load gets llama.cpp's log, which has the reason for a failure.
// Prints the error's message, or nothing.
import { loadLlamaBackend } from "../load/load.ts";

const [modelPath = ""] = process.argv.slice(2);
try {
  const backend = await loadLlamaBackend({ modelPath, slots: 2, threads: 1, device: "cpu" });
  await backend.dispose();
} catch (error) {
  process.stdout.write((error as Error).message);
}
