// Owns the package.json of what we pack: its commands, and for which machines it is.
import type { Program } from "../../bundle/index.ts";
import { engineBinaries, type MachineKind } from "./engine-binary.ts";

export interface ManifestOptions {
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly nodeRange: string;
  readonly programs: readonly Program[];
  /** With an engine inside: the machines that it runs on. Undefined: npm brings the engine that fits. */
  readonly kind: MachineKind | undefined;
  readonly engineVersion: string;
  /** The files and folders next to it. */
  readonly files: readonly string[];
}

/** Everything of ours is bundled, so nothing is a dependency but the engine where it is not inside. */
export function packageManifest(options: ManifestOptions): object {
  const { version, description, license, nodeRange, programs, kind, engineVersion, files } = options;
  const bins = programs.flatMap(({ folder, bin }) =>
    bin === undefined ? [] : [[bin.command, `${folder}/${bin.file}`]],
  );
  return {
    name: "waggle",
    version,
    description,
    license,
    type: "module",
    bin: Object.fromEntries(bins) as Record<string, string>,
    engines: { node: nodeRange },
    ...(kind === undefined ? { optionalDependencies: allEngines(engineVersion) } : machineFields(kind)),
    files,
  };
}

function machineFields({ os, cpu, libc }: MachineKind): object {
  return { os: [os], cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }) };
}

/** npm takes only those whose own os, cpu and libc fit. */
function allEngines(version: string): Record<string, string> {
  return Object.fromEntries(engineBinaries.map(({ name }) => [name, version]));
}
