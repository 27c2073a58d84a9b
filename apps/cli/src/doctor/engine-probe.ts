// Collects the facts about the engine and the GPU: a private worker generates text with the embedded model, and the system lists drivers
// and devices.
import { findGpuDevices } from "@waggle/models/gpu";
import { WaggleError } from "@waggle/protocol";
import { embeddedModelPath } from "@waggle/worker/embedded-model";
import type { Context } from "../command.ts";
import { openOwnSession } from "../worker/open-session.ts";
import type { EngineFacts, GpuFacts } from "./engine.ts";
import { runTool } from "./run-tool.ts";

const trial = { prompt: "Once upon a time", max_tokens: 32, temperature: 0 } as const;

/** Runs a private worker with the embedded model, on the device of the user's settings. */
export async function probeEngine(context: Context): Promise<EngineFacts> {
  const { env } = context.config;
  const withoutModels = Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^WAGGLE_(MODEL|ALIAS|DEFAULT_MODEL|BACKEND|FAKE)/.test(name)),
  );
  const config = { ...context.config, env: withoutModels };
  try {
    const session = await openOwnSession(
      { ...context, config },
      { url: undefined, model: embeddedModelPath(), onProgress: () => {} },
    );
    try {
      const info = await session.client.info({ signal: context.signal });
      const { device, engine_build: build, engine_binding: binding, engine_binding_reason: bindingReason } = info;
      let tokensPerSecond: number | undefined;
      for await (const event of session.client.inference(trial, { signal: context.signal })) {
        if (event.type === "error") throw new WaggleError(event.code, event.message);
        if (event.type === "end") tokensPerSecond = event.timings.tokens_per_second;
      }
      return { error: undefined, device, build, binding, bindingReason, tokensPerSecond };
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
  const { nvidia, render, closed, vulkanDrivers } = await findGpuDevices(process.platform);
  return {
    platform: process.platform,
    arch: process.arch,
    nvidia: parseNvidia(smi.stdout ?? ""),
    nvidiaError: smi.error,
    nvidiaDevices: nvidia,
    vulkanDrivers,
    renderDevices: render,
    closedDevices: closed,
    device,
  };
}

/** Parses lines such as `NVIDIA H200, 570.86.15, 143771`, with the memory in MiB. */
export function parseNvidia(text: string): GpuFacts["nvidia"] {
  return text.split("\n").flatMap((line) => {
    const [name, driver, memory] = line.split(",").map((word) => word.trim());
    if (name === undefined || driver === undefined || !Number.isFinite(Number(memory))) return [];
    return [{ name, driver, memoryBytes: Number(memory) * 2 ** 20 }];
  });
}
