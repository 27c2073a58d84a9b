// Owns which GPU a worker would compute on, and what of its memory is free, as far as that can be told without starting one.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Gpu } from "@waggle/fit";
import { runTool } from "../doctor/run-tool.ts";

const query = ["--query-gpu=name,memory.free", "--format=csv,noheader,nounits"];

/**
 * NVIDIA's first one, where the engine's package for it is there; others tell nobody what is free.
 * @param folder where workers look for packages
 * @param device what computes, as the worker's settings have it
 */
export async function findGpu(folder: string, device: string, signal: AbortSignal): Promise<Gpu | undefined> {
  const system = process.platform === "win32" ? "win" : process.platform;
  const packaged = existsSync(join(folder, "node_modules", "@node-llama-cpp", `${system}-${process.arch}-cuda`));
  if (device !== "cuda" && !(device === "auto" && packaged)) return undefined;
  const { stdout } = await runTool("nvidia-smi", query, signal);
  return firstGpu(stdout ?? "");
}

/** @param text `NVIDIA H200, 143000` a line; memory in MiB */
export function firstGpu(text: string): Gpu | undefined {
  const [name = "", free = ""] =
    text
      .split("\n")[0]
      ?.split(",")
      .map((word) => word.trim()) ?? [];
  return name === "" || !/^\d+$/.test(free) ? undefined : { name, freeBytes: Number(free) * 2 ** 20 };
}
