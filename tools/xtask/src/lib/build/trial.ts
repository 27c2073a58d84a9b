// Owns the trial of a build: that the library loads it, that it computes, and whether it has OpenMP. In a process of its own, since a bad build crashes it.
import { execFile, type ExecFileException } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ModelShape } from "../synth/shapes.ts";
import { writeModel } from "../synth/write-model.ts";

const trialTimeoutMs = 60_000;
/** Calls into the OpenMP runtimes of GCC and of LLVM. */
const openMpCalls = ["GOMP_parallel", "__kmpc_fork_call"];

/** Quantised, with dimensions that suit every kernel, so that what is made for this very CPU is what computes. */
const trialShape: ModelShape = {
  name: "trial",
  like: "nothing",
  layers: 1,
  width: 128,
  heads: 2,
  kvHeads: 2,
  feedForward: 256,
  vocabulary: 512,
  context: 256,
};

/** A prompt in one batch, then a token by itself: the two kinds of pass there are. */
const script = `
const [library, modelPath] = process.argv.slice(2);
const { getLlama } = await import(library);
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false });
if (llama.buildType === "localBuild") {
  const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
  const context = await model.createContext({ contextSize: 256, batchSize: 128, threads: 2 });
  const sequence = context.getSequence();
  await sequence.evaluateWithoutGeneratingNewTokens(Array(96).fill(300));
  for await (const token of sequence.evaluate([301])) break;
}
process.stdout.write(llama.buildType);
await llama.dispose();
`;

/** @throws Error when the package does not load its own build, or that does not compute */
export async function tryBuild(packageFolder: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-trial-"));
  try {
    const path = join(folder, "trial.gguf");
    const signal = AbortSignal.timeout(trialTimeoutMs);
    await writeModel({ shape: trialShape, quantization: "q8_0", path, seed: 1, signal, onProgress: () => {} });
    const scriptPath = join(folder, "trial.mjs");
    writeFileSync(scriptPath, script);
    const args = [scriptPath, join(packageFolder, "dist/index.js"), path];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { signal });
    if (stdout !== "localBuild") throw new Error(`the library did not load it. ${stderr.trim()}`);
  } catch (error) {
    throw new Error(`Cannot use the engine's build: ${reason(error as ExecFileException)}`, { cause: error });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function reason(error: ExecFileException): string {
  if (error.name === "AbortError") return `it did not compute within ${trialTimeoutMs / 1_000} s`;
  if (typeof error.signal === "string") return `it crashed with ${error.signal} while it computed a small model`;
  return error.stderr?.trim() ?? error.message;
}

/** @param folder of the build */
export function hasOpenMp(folder: string): boolean {
  const release = join(folder, "Release");
  const binaries = readdirSync(release).filter((name) => /\.(node|so|dylib)$/.test(name));
  return binaries.some((name) => {
    const binary = readFileSync(join(release, name));
    return openMpCalls.some((call) => binary.includes(call));
  });
}
