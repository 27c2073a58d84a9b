// Tests adding a GPU package on a machine without a GPU: a fake npm installs the package, and a real worker refuses it with the reason.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { engineVersion, gpuAdd, proveDevice } from "@waggle/models/gpu";
import { daemonCommand } from "@waggle/testing/harness";

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), "waggle-gpu-add-"))));

const [file, ...args] = daemonCommand("worker");
const workerCommand = [file, ...args] as const;

/** A fake npm, which installs a package without a binary. */
function npmOfTest(): string {
  const script = join(root, "npm.mjs");
  const name = "node_modules/@node-llama-cpp/linux-x64-vulkan";
  const manifest = { type: "module", version: engineVersion, exports: "./index.js" };
  const index = `export const getBinsDir = () => ({ binsDir: "/nowhere", packageVersion: "${engineVersion}" });`;
  const text = `#!/usr/bin/env node
    import { mkdirSync, writeFileSync } from "node:fs";
    mkdirSync("${name}", { recursive: true });
    writeFileSync("${name}/package.json", ${JSON.stringify(JSON.stringify(manifest))});
    writeFileSync("${name}/index.js", ${JSON.stringify(index)});`;
  writeFileSync(script, text);
  chmodSync(script, 0o755);
  return script;
}

it("shows the size of the download, installs the package, and reports why the package does not work on this machine", async () => {
  const folder = join(root, "cache/gpu");
  mkdirSync(join(root, "cache"));
  const lines: string[] = [];
  const adding = gpuAdd({
    ...{ device: "vulkan", folder, workerCommand, env: process.env, npm: npmOfTest() },
    machine: { platform: "linux", arch: "x64" },
    say: (line) => lines.push(line),
    confirm: async (question) => void lines.push(question),
  });
  await expect(adding).rejects.toThrow(
    /^Cannot compute on vulkan: .*(does not load here|no binary for it is installed)/,
  );
  const [costs, question, ...more] = lines.slice(lines[0]?.startsWith("No GPU") === true ? 1 : 0);
  expect(costs).toMatch(/a download of \d+ MB, \d+ MB on disk, in /);
  expect([question, more.length]).toEqual([expect.stringMatching(/^Download \d+ MB\?$/), 1]);
  expect(existsSync(join(folder, "node_modules/@node-llama-cpp/linux-x64-vulkan"))).toBe(true);
});

it("accepts the CPU as a device, because its results equal those of the CPU", async () => {
  const proof = await proveDevice({ device: "cpu", workerCommand, folder: join(root, "none"), env: process.env });
  expect(proof.tokens).toBe(16);
});
