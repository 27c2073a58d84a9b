// Owns one load in a process of its own: llama.cpp's log reaches only the first load of a process, and with it the reason for a failure.
// Prints the error's message, or nothing.
import { loadLlamaBackend } from "../load/load.ts";

const [modelPath = ""] = process.argv.slice(2);
try {
  const backend = await loadLlamaBackend({ modelPath, slots: 2, threads: 1, device: "cpu" });
  await backend.dispose();
} catch (error) {
  process.stdout.write((error as Error).message);
}
