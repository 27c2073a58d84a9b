// Owns the choice of llama.cpp's binary. Nothing is ever built or downloaded here, and nothing is written to stdout.
import { WaggleError } from "@waggle/protocol";
import { getLlama, LlamaLogLevel, NoBinaryFoundError, type Llama } from "node-llama-cpp";

export type LlamaDevice = "auto" | "cpu" | "cuda" | "vulkan" | "metal";
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Said of texts to embed, where all is as we want it: every token has an output, and a context has a place that stays free. */
const passedOver = [
  "embeddings required but some input tokens were not marked as outputs",
  "possible training context overflow",
];

/**
 * A build from source (`xtask engine:build`) is taken before the prebuilt binary: the library looks into its own folder of builds first,
 * and goes on to the prebuilt one when that does not load.
 * @throws WaggleError unavailable when there is no binary for the device
 */
export async function openLlama(
  device: LlamaDevice,
  maxThreads: number,
  log: (level: LogLevel, message: string) => void,
): Promise<Llama> {
  const llama = await findBinary(device, maxThreads, log);
  if (device === "auto" || device === "cpu" || llama.gpu === device) return llama;
  // The library answers some devices that the platform does not have with the CPU.
  await llama.dispose();
  throw noBinary(device);
}

async function findBinary(
  device: LlamaDevice,
  maxThreads: number,
  log: (level: LogLevel, message: string) => void,
): Promise<Llama> {
  try {
    return await getLlama({
      gpu: device === "cpu" ? false : device,
      build: "never",
      skipDownload: true,
      progressLogs: false,
      logLevel: LlamaLogLevel.warn,
      maxThreads,
      logger(level, message) {
        if (passedOver.some((text) => message.includes(text))) return;
        const failed = level === LlamaLogLevel.error || level === LlamaLogLevel.fatal;
        log(failed ? "error" : "warn", message.trimEnd());
      },
    });
  } catch (error) {
    throw error instanceof NoBinaryFoundError ? noBinary(device, error) : error;
  }
}

function noBinary(device: LlamaDevice, cause?: unknown): WaggleError {
  return new WaggleError("unavailable", `Cannot compute on ${device}: no binary for it is installed`, { cause });
}

/** Which binary was taken: one that was compiled on this machine, or the library's own. */
export function buildOf(llama: Llama): "source" | "prebuilt" {
  return llama.buildType === "localBuild" ? "source" : "prebuilt";
}
