// Compares the versions of glibc and libstdc++ that a binary needs with those that other binaries need.

/** A version as in the binary's dynamic strings: GLIBC_2.34, GLIBCXX_3.4.29, CXXABI_1.3.13. */
const versionPattern = /\0(GLIBC|GLIBCXX|CXXABI)_(\d+(?:\.\d+)+)(?=\0)/g;

/** @returns a description of each library of which the binary needs a newer version than the others; none on systems without glibc */
export function newerNeeds(binary: Buffer, others: readonly Buffer[]): readonly string[] {
  const allowed = new Map<string, string>();
  for (const other of others) {
    for (const [name, version] of newestVersions(other)) allowed.set(name, newer(version, allowed.get(name)));
  }
  return [...newestVersions(binary)]
    .filter(([name, version]) => newer(version, allowed.get(name)) !== allowed.get(name))
    .map(([name, version]) => `${name}_${version} (node-llama-cpp's libraries: ${allowed.get(name) ?? "none"})`);
}

function newestVersions(binary: Buffer): ReadonlyMap<string, string> {
  const newest = new Map<string, string>();
  for (const [, name = "", version = ""] of binary.toString("latin1").matchAll(versionPattern)) {
    newest.set(name, newer(version, newest.get(name)));
  }
  return newest;
}

function newer(a: string, b: string | undefined): string {
  return b === undefined || a.localeCompare(b, "en", { numeric: true }) > 0 ? a : b;
}
