// Tests installing packages with npm, from a registry in the test: an installation is complete, or changes nothing.
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { addGpuPackages } from "./add.ts";
import { engineVersion, gpuPackagesFor } from "./packages.ts";

const name = "@node-llama-cpp/linux-x64-vulkan";
let root: string;
let registry: Server;
let tarball: Buffer;
/** The tarball's hash in the registry's answer; correct by default. */
let integrity: string;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "waggle-add-"));
  mkdirSync(join(root, "package"));
  writeFileSync(join(root, "package/package.json"), JSON.stringify({ name, version: engineVersion }));
  execFileSync("tar", ["czf", "made.tgz", "package"], { cwd: root });
  tarball = readFileSync(join(root, "made.tgz"));
  integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
  registry = createServer((request, response) => {
    if (request.url?.endsWith(".tgz") === true) return void response.end(tarball);
    if (decodeURIComponent(request.url ?? "") !== `/${name}`) return void response.writeHead(404).end("{}");
    const dist = { tarball: `${registryUrl()}/x.tgz`, integrity };
    const versions = { [engineVersion]: { name, version: engineVersion, dist } };
    response.end(JSON.stringify({ name, "dist-tags": { latest: engineVersion }, versions }));
  });
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  registry.close();
  registry.closeAllConnections();
});

function registryUrl(): string {
  return `http://127.0.0.1:${(registry.address() as AddressInfo).port}`;
}

/** Writes a script that runs npm with the test's registry and an empty cache. @returns its path */
function npmOfTest(): string {
  const script = join(root, "npm.sh");
  const settings = [`npm_config_registry=${registryUrl()}`, `npm_config_cache=${join(root, "cache")}`];
  writeFileSync(script, `#!/bin/sh\nexec env ${settings.join(" ")} npm_config_fetch_retries=0 npm "$@"\n`, {
    mode: 0o755,
  });
  return script;
}

/** A manifest as npm writes it. */
const ownManifest = '{ "private": true, "dependencies": { "@node-llama-cpp/linux-x64-cuda": "3.0.0" } }';
const { specifiers } = gpuPackagesFor("vulkan", "linux", "x64");

it("uses packages of the engine's installed version", () => {
  const catalog = readFileSync(new URL("../../../../pnpm-workspace.yaml", import.meta.url), "utf8");
  // After an update of the engine, also update the sizes in packages.ts.
  expect(/^ {2}node-llama-cpp: (\d\S*)$/m.exec(catalog)?.[1]).toBe(engineVersion);
  expect(gpuPackagesFor("cuda", "linux", "x64").specifiers).toHaveLength(2);
});

it("rejects machines without packages, and tells Mac users that they need no package", () => {
  expect(() => gpuPackagesFor("cuda", "linux", "arm64")).toThrow("Cannot add cuda on linux-arm64");
  expect(() => gpuPackagesFor("vulkan", "darwin", "arm64")).toThrow(/uses the GPU by itself/);
});

it("replaces the old packages by the new ones", async () => {
  const folder = join(root, "gpu");
  mkdirSync(join(folder, "node_modules/@node-llama-cpp/linux-x64-cuda"), { recursive: true });
  writeFileSync(join(folder, "package.json"), ownManifest);
  await addGpuPackages({ specifiers, folder, npm: npmOfTest() });
  expect(readdirSync(join(folder, "node_modules/@node-llama-cpp"))).toEqual(["linux-x64-vulkan"]);
  expect(readdirSync(root).filter((entry) => entry.startsWith(".gpu"))).toEqual([]);
});

it("keeps the old packages if the tarball has a wrong hash or cannot be downloaded", async () => {
  const folder = join(root, "gpu");
  const kept = join(folder, "node_modules/@node-llama-cpp/linux-x64-vulkan");
  mkdirSync(kept, { recursive: true });
  writeFileSync(join(folder, "package.json"), ownManifest);
  integrity = `sha512-${createHash("sha512").update("another").digest("base64")}`;
  const npm = npmOfTest();
  await expect(addGpuPackages({ specifiers, folder, npm })).rejects.toThrow(
    /^Cannot add @node-llama-cpp.*(integrity|EINTEGRITY)/i,
  );
  await expect(addGpuPackages({ specifiers: [`${name}@9.9.9`], folder, npm })).rejects.toThrow(/9\.9\.9/);
  expect(existsSync(kept)).toBe(true);
  expect(readdirSync(root).filter((entry) => entry.startsWith(".gpu"))).toEqual([]);
});

it("fails if npm is missing, and stops at an abort", async () => {
  const folder = join(root, "gpu");
  const missing = addGpuPackages({ specifiers, folder, npm: join(root, "no-npm") });
  await expect(missing).rejects.toThrow(/Cannot run npm: .*ENOENT/);
  const reason = new Error("stop");
  await expect(addGpuPackages({ specifiers, folder, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(existsSync(folder)).toBe(false);
});

it.each([
  ["a file", (folder: string) => writeFileSync(join(folder, "diary.txt"), "dear")],
  ["a project", (folder: string) => writeFileSync(join(folder, "package.json"), '{ "dependencies": { "hono": "4" } }')],
  ["modules without a manifest", (folder: string) => mkdirSync(join(folder, "node_modules/hono"), { recursive: true })],
])("does not replace a folder with %s in it, and downloads nothing", async (_, fill) => {
  const folder = join(root, "home");
  mkdirSync(folder);
  fill(folder);
  const before = readdirSync(folder);
  const adding = addGpuPackages({ specifiers, folder, npm: npmOfTest() });
  await expect(adding).rejects.toThrow(/^Cannot replace the folder .*: it holds other files/);
  expect([readdirSync(folder), existsSync(join(root, "cache"))]).toEqual([before, false]);
});

it("installs into an empty folder behind a link", async () => {
  const folder = join(root, "disk");
  mkdirSync(folder);
  symlinkSync(folder, join(root, "gpu"));
  await addGpuPackages({ specifiers, folder: join(root, "gpu"), npm: npmOfTest() });
  expect(readdirSync(join(folder, "node_modules/@node-llama-cpp"))).toEqual(["linux-x64-vulkan"]);
  expect(lstatSync(join(root, "gpu")).isSymbolicLink()).toBe(true);
});

it("reports the bytes on disk while npm runs", async () => {
  const [npm, seen] = [join(root, "npm-slow.sh"), join(root, "seen")];
  const script = `#!/bin/sh
mkdir -p node_modules/x && head -c 5000 /dev/zero > node_modules/x/big
while [ ! -e "${seen}" ]; do sleep 0.05; done
`;
  writeFileSync(npm, script, { mode: 0o755 });
  const onProgress = (bytes: number): void => void (bytes > 5_000 && writeFileSync(seen, String(bytes)));
  await addGpuPackages({ specifiers, folder: join(root, "gpu"), npm, onProgress });
  expect(Number(readFileSync(seen, "utf8"))).toBeGreaterThan(5_000);
});
