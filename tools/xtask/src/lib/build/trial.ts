// Owns the trial of a build: that the library loads it, and whether it has OpenMP. In a process of its own, since a bad build may crash it.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const trialTimeoutMs = 60_000;
/** Calls into the OpenMP runtimes of GCC and of LLVM. */
const openMpCalls = ["GOMP_parallel", "__kmpc_fork_call"];

const script = `
const { getLlama } = await import(process.argv[1]);
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false });
process.stdout.write(llama.buildType);
await llama.dispose();
`;

/** @throws Error when the package does not load its own build */
export async function tryBuild(packageFolder: string): Promise<void> {
  const args = ["--input-type=module", "--eval", script, join(packageFolder, "dist/index.js")];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: trialTimeoutMs });
  if (stdout === "localBuild") return;
  throw new Error(`Cannot use the engine's build: the library did not load it. ${stderr.trim()}`);
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
