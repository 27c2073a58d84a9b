// Owns how the engine and the GPU are looked at: a worker of our own computes an answer of the embedded model, and the system is asked for
// drivers and devices.
import { access, constants, readdir } from "node:fs/promises";
import { join } from "node:path";
import { WaggleError } from "@waggle/protocol";
import type { Context } from "../command.ts";
import { openOwnSession } from "../worker/open-session.ts";
import type { EngineFacts, GpuFacts } from "./engine.ts";
import { runTool } from "./run-tool.ts";

const trial = { prompt: "Once upon a time", max_tokens: 32, temperature: 0 } as const;

/** Starts a worker with the embedded model and the user's own device, and takes it down again. */
export async function probeEngine(context: Context): Promise<EngineFacts> {
  const { env } = context.config;
  const withoutModels = Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^WAGGLE_(MODEL|ALIAS|DEFAULT_MODEL|BACKEND|FAKE)/.test(name)),
  );
  const config = { ...context.config, env: withoutModels };
  try {
    const session = await openOwnSession(
      { ...context, config },
      { url: undefined, model: undefined, onProgress: () => {} },
    );
    try {
      const { device, engine_build: build } = await session.client.info({ signal: context.signal });
      let tokensPerSecond: number | undefined;
      for await (const event of session.client.inference(trial, { signal: context.signal })) {
        if (event.type === "error") throw new WaggleError(event.code, event.message);
        if (event.type === "end") tokensPerSecond = event.timings.tokens_per_second;
      }
      return { error: undefined, device, build, tokensPerSecond };
    } finally {
      await session.close();
    }
  } catch (error) {
    if (context.signal.aborted) throw error;
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

const nvidiaQuery = ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits"];

export async function probeGpu(device: string | undefined, signal: AbortSignal): Promise<GpuFacts> {
  const smi = await runTool("nvidia-smi", nvidiaQuery, signal);
  const nvidiaDevices = await namesIn("/dev", /^nvidia\d+$/);
  const renderDevices = await namesIn("/dev/dri", /^renderD\d+$/);
  return {
    platform: process.platform,
    arch: process.arch,
    nvidia: parseNvidia(smi.stdout ?? ""),
    nvidiaError: smi.error,
    nvidiaDevices,
    vulkanDrivers: await probeVulkanDrivers(),
    renderDevices,
    closedDevices: await closedAmong([...nvidiaDevices, ...renderDevices]),
    device,
  };
}

/** `NVIDIA H200, 570.86.15, 143771` a line; memory in MiB. */
export function parseNvidia(text: string): GpuFacts["nvidia"] {
  return text.split("\n").flatMap((line) => {
    const [name, driver, memory] = line.split(",").map((word) => word.trim());
    if (name === undefined || driver === undefined || !Number.isFinite(Number(memory))) return [];
    return [{ name, driver, memoryBytes: Number(memory) * 2 ** 20 }];
  });
}

/** Where the Vulkan loader looks for drivers: https://github.com/KhronosGroup/Vulkan-Loader, docs/LoaderDriverInterface.md. */
async function probeVulkanDrivers(): Promise<readonly string[]> {
  if (process.platform !== "linux") return [];
  const folders = ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
  const names = await Promise.all(folders.map((folder) => namesIn(folder, /\.json$/)));
  // lavapipe computes on the processor.
  return names.flat().filter((name) => !name.includes("lvp"));
}

async function namesIn(folder: string, wanted: RegExp): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => wanted.test(name)).map((name) => join(folder, name));
}

async function closedAmong(devices: readonly string[]): Promise<string[]> {
  const closed = await Promise.all(
    devices.map(async (device) => {
      const open = await access(device, constants.R_OK | constants.W_OK).then(
        () => true,
        () => false,
      );
      return open ? [] : [device];
    }),
  );
  return closed.flat();
}
