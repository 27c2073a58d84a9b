// Compares the estimate of a model's memory with the memory that the model uses in a separate process.
import { existsSync } from "node:fs";
import { execa } from "execa";
import { estimateMemory, type MemoryEstimate, type MemorySettings } from "@waggle/models/memory";
import { readGgufFile } from "@waggle/models/header";
import { repositoryPath } from "@waggle/testing/harness";
import { shapeNamed, writeRandomModel } from "@waggle/testing/models";

/** Time limit for measuring a large model on a busy machine. */
const measureTimeoutMs = 600_000;

export interface FitCase {
  /** The shape of a synthetic model; undefined for the embedded model. */
  readonly shape: string | undefined;
  readonly slots: number;
  readonly contextSize: number;
  readonly batchSize: number;
}

/** Bytes of the buffers that llama.cpp reports. */
export interface Taken {
  readonly weights: number;
  readonly cache: number;
  readonly state: number;
  readonly compute: number;
  readonly output: number;
  /** Resident bytes of the process. */
  readonly resident: number;
}

export interface Compared {
  readonly row: FitCase;
  readonly estimate: MemoryEstimate;
  readonly taken: Taken;
}

export async function compare(row: FitCase): Promise<Compared> {
  const modelPath = modelOf(row);
  const { slots, contextSize, batchSize } = row;
  const settings: MemorySettings = { slots, contextSize, batchSize };
  const estimate = estimateMemory(await readGgufFile(modelPath), settings);
  return { row, estimate, taken: await measure({ modelPath, slots, contextSize, batchSize }) };
}

function modelOf({ shape }: FitCase): string {
  if (shape === undefined) return repositoryPath("models/waggle-tiny-stories.gguf");
  const path = repositoryPath(`.waggle/models/synth-${shape}-q8_0.gguf`);
  if (!existsSync(path)) writeRandomModel(shapeNamed(shape), path);
  return path;
}

async function measure(settings: MemorySettings & { readonly modelPath: string }): Promise<Taken> {
  const script = repositoryPath("packages/engine-llama/src/testing/measure-load.ts");
  const { stdout } = await execa(
    process.execPath,
    ["--expose-gc", "--import", "tsx", script, JSON.stringify([settings])],
    // libuv's pool has one thread, as in the engine process.
    { env: { UV_THREADPOOL_SIZE: "1" }, timeout: measureTimeoutMs, stderr: "ignore" },
  );
  const [taken] = JSON.parse(stdout) as readonly Taken[];
  if (taken === undefined) throw new Error("Cannot measure a model's memory: the measuring process printed no figures");
  return taken;
}
