// Tests whether our addon and an engine compute together. Faulty builds may crash, so the test runs in a separate process.
import { execFile, type ExecFileException } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeRandomModel, writePictureModel, type ModelShape } from "@waggle/testing/models";
import { addonPath, type AddonName } from "./addon-file.ts";

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
 * The library computes a prompt in one batch, then a single token: the two kinds of pass. The addon must give the same token, also on a copied
 * sequence, and in a context with a reserved KV cache.
 */
const script = `
import { createRequire } from "node:module";
const [library, modelPath, addonPath] = process.argv.slice(2);
const { getLlama } = await import(library);
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false });
const addon = createRequire(import.meta.url)(addonPath);
const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
const open = () => model.createContext({ contextSize: 256, batchSize: 128, sequences: 3, threads: 2 });
const check = (what, given, expected) => {
  if (String(given) !== String(expected)) throw new Error(what + " gave " + given + " instead of " + expected);
};

const prompt = Array(96).fill(300);
const end = prompt.length;
const context = await open();
const sequence = context.getSequence();
await sequence.evaluateWithoutGeneratingNewTokens(prompt);
let expected;
for await (const token of sequence.evaluate([301], { temperature: 0 })) {
  expected = token;
  break;
}

const sampler = new addon.Sampler(model._model);
sampler.configure({ temperature: 0 });
const decode = (decoder, id, from, tokens, topCount = 0) => {
  const last = Int32Array.of(tokens.length - 1);
  const positions = tokens.map((_, index) => from + index);
  const rows = [tokens, tokens.map(() => id), positions].map((row) => Int32Array.from(row));
  return decoder.decode(...rows, last, last, [sampler], Uint32Array.of(1), Uint32Array.of(topCount));
};

const decoder = new addon.Decoder(context._ctx);
await decode(decoder, 1, 0, prompt);
const step = await decode(decoder, 1, end, [301], 2);
const [sum, , token, greatest, again] = decoder.getLogits(0, 1, Uint32Array.of(step[0]), true);
check("a step", step[0], expected);
check("the logits of a step", step, [token, again, greatest, sum, token, greatest]);
if (!(sum >= 1)) throw new Error("the logits of a step have the sum " + sum);

await decoder.copySequence(1, 2, end);
check("a copied sequence", await decode(decoder, 2, end, [301]), [expected]);

addon.startReserving(false);
const shared = await open();
const reserved = new addon.Decoder(shared._ctx);
for (const attempt of ["a reserved KV cache", "a released KV cache"]) {
  await decode(reserved, 1, 0, prompt);
  check(attempt, await decode(reserved, 1, end, [301]), [expected]);
  shared._ctx.disposeSequence(1);
  reserved.release(1, 0);
}
process.stdout.write(llama.buildType);
await llama.dispose();
`;

/** The addon finds the functions of llama.cpp in the libraries that node-llama-cpp has loaded. An encoding does not depend on the threads. */
const mtmdScript = `
import { createRequire } from "node:module";
const [library, modelPath, projectorPath, firstPath, addonPath] = process.argv.slice(2);
const { getLlama } = await import(library);
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false });
const require = createRequire(import.meta.url);
const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
require(firstPath).shareLibraries(model._model);
const projector = new (require(addonPath).Projector)(model._model);
const { width } = await projector.load(projectorPath, false, "auto");
const rgb = Uint8Array.from({ length: 48 * 32 * 3 }, (_, i) => i % 251);
const { chunk, cells } = (await projector.divide(rgb, 48, 32)).find((part) => "chunk" in part);
const encode = (threads) => projector.encode(chunk, threads).then((values) => Array.from(values));
const [once, again] = [await encode(1), await encode(2)];
if (once.length !== cells * width || !once.every(Number.isFinite)) throw new Error("a picture has wrong embeddings");
if (String(once) !== String(again)) throw new Error("two threads encode a picture to other embeddings than one");
projector.free();
process.stdout.write(llama.buildType);
await llama.dispose();
`;

/** Signals that a faulty build causes. Other signals come from outside and do not concern the build. */
const crashes: readonly string[] = ["SIGILL", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGABRT"];

/** The build is faulty, so that a second try does not help. */
export class UnusableBuildError extends Error {
  override readonly name = "UnusableBuildError";
}

/** @throws UnusableBuildError when the addon does not compute with the package's engine; Error when the trial itself fails */
export async function tryAddon(packageFolder: string, name: AddonName, path: string): Promise<void> {
  if (name === "waggle-llama") await runTrial("the addon", script, packageFolder, writeTrialModel, [path]);
  else {
    const addons = [addonPath("waggle-llama"), path];
    await runTrial("the addon for pictures", mtmdScript, packageFolder, writeTrialPictureModel, addons);
  }
}

/**
 * @param path an addon that works with the prebuilt engine
 * @throws UnusableBuildError when the package does not load its build, or the build does not compute; Error when the trial itself fails
 */
export async function tryBuild(packageFolder: string, path: string): Promise<void> {
  const used = await runTrial("the engine's build", script, packageFolder, writeTrialModel, [path]);
  if (used !== "localBuild") throw unusable("the engine's build", "the library did not load it");
}

type WriteModel = (folder: string) => readonly string[];

const writeTrialModel: WriteModel = (folder) => {
  const path = join(folder, "trial.gguf");
  writeRandomModel(trialShape, path);
  return [path];
};

const writeTrialPictureModel: WriteModel = (folder) => {
  const { model, projector } = writePictureModel({ folder, shape: "llava" });
  return [model, projector];
};

/** @returns the kind of engine that the library loaded */
async function runTrial(
  subject: string,
  script: string,
  packageFolder: string,
  writeModel: WriteModel,
  addons: readonly string[],
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "waggle-trial-"));
  try {
    const scriptPath = join(folder, "trial.mjs");
    const signal = AbortSignal.timeout(trialTimeoutMs);
    writeFileSync(scriptPath, script);
    const args = [scriptPath, join(packageFolder, "dist/index.js"), ...writeModel(folder), ...addons];
    // With one thread, as in a worker's engine.
    const env = { ...process.env, UV_THREADPOOL_SIZE: "1" };
    return (await promisify(execFile)(process.execPath, args, { signal, env })).stdout;
  } catch (error) {
    throw explain(subject, error as ExecFileException);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param error the error of the trial's process, or an error before the process started */
function explain(subject: string, error: ExecFileException): Error {
  if (error.name === "AbortError") {
    return unusable(subject, `it did not finish computing within ${trialTimeoutMs / 1_000} s`);
  }
  if (crashes.includes(error.signal ?? ""))
    return unusable(subject, `it crashed with ${error.signal} on a small model`);
  if (typeof error.code === "number") return unusable(subject, error.stderr?.trim() ?? "");
  return error;
}

function unusable(subject: string, reason: string): UnusableBuildError {
  return new UnusableBuildError(`Cannot use ${subject}: ${reason}`);
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
