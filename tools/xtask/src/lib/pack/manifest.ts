// Makes the package.json of the tarball: the commands of the package, and the machines on which it can be installed.
import type { Program } from "../../bundle/index.ts";
import { engineBinaries, type MachineKind } from "../build/engine-binary.ts";

export interface ManifestOptions {
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly nodeRange: string;
  readonly programs: readonly Program[];
  /** The kind of machine of the contained engine; undefined if npm installs the engine. */
  readonly kind: MachineKind | undefined;
  readonly engineVersion: string;
  /** Files and folders of the package. */
  readonly files: readonly string[];
}

/** All code is bundled, so the only possible dependency is the engine. */
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

/** All engine packages; npm installs only those whose os, cpu and libc match. */
function allEngines(version: string): Record<string, string> {
  return Object.fromEntries(engineBinaries.map(({ name }) => [name, version]));
}
