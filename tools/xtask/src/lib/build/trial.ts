// Tests whether the library loads a build, whether the build computes, and whether it uses OpenMP. A faulty build may crash, so the test runs in a
// separate process.
import { execFile, type ExecFileException } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeRandomModel, type ModelShape } from "@waggle/testing/models";

const trialTimeoutMs = 60_000;
/** Functions of the OpenMP runtimes of GCC and LLVM. A build that uses OpenMP contains one of the names. */
const openMpCalls = ["GOMP_parallel", "__kmpc_fork_call"];

/** A quantized model whose dimensions suit every kernel, so that the trial runs the kernels for this CPU. */
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

/**
 * Computes a prompt in one batch, then a single token: the two kinds of pass. Then runs our step (the patch of node-llama-cpp) on a sequence
 * that the library does not use. The step and the logits must give the same token, the most probable one.
 */
const script = `
const [library, modelPath] = process.argv.slice(2);
const { getLlama } = await import(library);
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false });
if (llama.buildType === "localBuild") {
  const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
  const context = await model.createContext({ contextSize: 256, batchSize: 128, sequences: 2, threads: 2 });
  const sequence = context.getSequence();
  await sequence.evaluateWithoutGeneratingNewTokens(Array(96).fill(300));
  for await (const token of sequence.evaluate([301])) break;
  const sampler = new llama._bindings.AddonSampler(model._model);
  sampler.applyConfig({});
  context._ctx.initBatch(2);
  const [at] = context._ctx.addToBatch(1, 0, Uint32Array.of(300, 301), Uint32Array.of(1));
  const step = await context._ctx.decodeBatchAndSample(
    Int32Array.of(at), [sampler], Uint32Array.of(1), Uint32Array.of(2),
  );
  const [greatest, sum, , token, logit, again] = context._ctx.getLogits(at, 1, Uint32Array.of(step[0]), true);
  const expected = [token, again, greatest, sum, token, logit].join();
  if (step.join() !== expected || !(sum >= 1)) throw new Error("the step gave " + step.join() + ", the logits " + expected);
  const sampling = [[sampler], Uint32Array.of(1), Uint32Array.of(0)];
  const feed = (from, ...tokens) => {
    context._ctx.initBatch(tokens.length);
    const places = context._ctx.addToBatch(1, from, Uint32Array.from(tokens), Uint32Array.of(tokens.length - 1));
    return context._ctx.decodeBatchAndSample(Int32Array.from(places), ...sampling);
  };
  const begin = () => {
    context._ctx.disposeSequence(1);
    return feed(0, 300, 301);
  };
  const goOn = () =>
    context._ctx.decodeSampledAndSample(Int32Array.of(0), Int32Array.of(1), Int32Array.of(2), ...sampling);
  const [first] = await begin();
  const [second] = await feed(2, first);
  const [[firstAgain], [secondAgain]] = await Promise.all([begin(), goOn()]);
  if (firstAgain !== first || secondAgain !== second) {
    throw new Error("single steps gave " + [first, second] + ", and consecutive steps " + [firstAgain, secondAgain]);
  }
  const last = [begin(), goOn()];
  const isWithdrawn = context._ctx.withdrawSampledStep();
  const [, taken] = await Promise.all(last);
  if (isWithdrawn !== (taken.length === 0)) throw new Error("a step that was withdrawn gave " + taken.join());
}
process.stdout.write(llama.buildType);
await llama.dispose();
`;

/** Signals that a faulty build causes. Other signals come from outside and do not concern the build. */
const crashes: readonly string[] = ["SIGILL", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGABRT"];

/** The build is faulty, so that a second try does not help. */
export class UnusableBuildError extends Error {
  override readonly name = "UnusableBuildError";
}

/** @throws UnusableBuildError when the package does not load its build, or the build does not compute; Error when the trial itself fails */
export async function tryBuild(packageFolder: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-trial-"));
  try {
    const modelPath = join(folder, "trial.gguf");
    const scriptPath = join(folder, "trial.mjs");
    const signal = AbortSignal.timeout(trialTimeoutMs);
    writeRandomModel(trialShape, modelPath);
    writeFileSync(scriptPath, script);
    const library = join(packageFolder, "dist/index.js");
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [scriptPath, library, modelPath], {
      signal,
      // With one thread, computations run in the order of their calls, as in a worker's engine.
      env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
    });
    if (stdout !== "localBuild") throw unusable(`the library did not load it. ${stderr.trim()}`);
  } catch (error) {
    throw explain(error as ExecFileException);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param error the error of the trial's process, or an error before the process started */
function explain(error: ExecFileException): Error {
  if (error.name === "AbortError") return unusable(`it did not finish computing within ${trialTimeoutMs / 1_000} s`);
  if (crashes.includes(error.signal ?? "")) return unusable(`it crashed with ${error.signal} on a small model`);
  if (typeof error.code === "number") return unusable(error.stderr?.trim() ?? "");
  return error;
}

function unusable(reason: string): UnusableBuildError {
  return new UnusableBuildError(`Cannot use the engine's build: ${reason}`);
}

/** @param folder the folder of the build */
export function hasOpenMp(folder: string): boolean {
  const release = join(folder, "Release");
  const binaries = readdirSync(release).filter((name) => /\.(node|so|dylib)$/.test(name));
  return binaries.some((name) => {
    const binary = readFileSync(join(release, name));
    return openMpCalls.some((call) => binary.includes(call));
  });
}
