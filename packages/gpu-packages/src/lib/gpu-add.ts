// Owns the command `gpu add` but for its flags: says what it costs, adds it, and proves it.
import { addGpuPackages, type AddOptions } from "./add.ts";
import { gpuPackagesFor, type GpuDevice } from "./packages.ts";
import { proveDevice, type ProofOptions } from "./proof.ts";

export interface GpuAddOptions extends Pick<ProofOptions, "workerCommand" | "env">, Pick<AddOptions, "npm"> {
  readonly device: GpuDevice;
  /** `--gpu-dir` of the workers, `gpu` in Waggle's cache folder by default. */
  readonly folder: string;
  /** As `process` has them. */
  readonly machine: { readonly platform: string; readonly arch: string };
  /** A line for the person who asked. */
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * What was added stays where the proof fails: a driver may follow.
 * @throws WaggleError that says what was wrong, or why the GPU does not compute; the signal's reason
 */
export async function gpuAdd(options: GpuAddOptions): Promise<void> {
  const { device, folder, machine, say, npm, signal } = options;
  const { specifiers, downloadMb, installedMb } = gpuPackagesFor(device, machine.platform, machine.arch);
  say(`Adding ${specifiers.join(" and ")} to ${folder}: a download of ${downloadMb} MB, ${installedMb} MB on disk.`);
  await addGpuPackages({
    specifiers,
    folder,
    ...(npm === undefined ? {} : { npm }),
    ...(signal === undefined ? {} : { signal }),
  });
  say(`Added. Now ${device} has to compute what the CPU computes.`);
  const { tokens, ms } = await proveDevice(options);
  say(
    `${device} computes: ${tokens} tokens in ${ms.toFixed(0)} ms, as on the CPU. Workers take it with --device ${device}, or auto.`,
  );
}
