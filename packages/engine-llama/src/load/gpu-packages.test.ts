// Tests run in a child process, because a hook for finding modules stays until the process ends.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { beforeAll, expect, it } from "vitest";
import { whyNoGpu } from "./gpu-packages.ts";

let root: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "waggle-gpu-"));
  install("app", "beside", "next to the library");
  install("data", "beside", "in the folder");
  install("data", "gpu", "in the folder");
  const entry = new URL("gpu-packages.ts", import.meta.url).pathname;
  await build({ entryPoints: [entry], outfile: join(root, "app/gpu-packages.js"), platform: "node", format: "esm" });
  writeFileSync(join(root, "app/package.json"), '{ "type": "module" }');
});

function install(where: string, name: string, says: string): void {
  const folder = join(root, where, "node_modules/@node-llama-cpp", name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "exports": "./index.js" }');
  writeFileSync(join(folder, "index.js"), `export const says = ${JSON.stringify(says)};`);
}

/** Imports several packages after `findGpuPackagesIn`. @returns for each package, where it was found or the error's code */
function foundIn(folder: string): unknown {
  const script = `
    import { findGpuPackagesIn } from "./gpu-packages.js";
    findGpuPackagesIn(${JSON.stringify(join(root, folder))});
    const names = ["@node-llama-cpp/beside", "@node-llama-cpp/gpu", "@node-llama-cpp/absent", "other"];
    const found = names.map((name) => import(name).then(({ says }) => says, ({ code }) => code));
    console.log(JSON.stringify(await Promise.all(found)));`;
  writeFileSync(join(root, "app/main.js"), script);
  return JSON.parse(execFileSync(process.execPath, ["main.js"], { cwd: join(root, "app"), encoding: "utf8" }));
}

const missing = "ERR_MODULE_NOT_FOUND";

it("finds GPU packages next to the library first, then in the folder, and no other packages there", () => {
  expect(foundIn("data")).toEqual(["next to the library", "in the folder", missing, missing]);
});

it("finds only packages next to the library if the folder does not exist", () => {
  expect(foundIn("nowhere")).toEqual(["next to the library", missing, missing, missing]);
});

it("reports whether a package is missing, has another version, or does not load", () => {
  const system = `${process.platform}-${process.arch}`.replace("darwin", "mac").replace("win32", "win");
  install("data", `${system}-vulkan`, "");
  const folder = join(root, "data");
  const file = join(folder, `node_modules/@node-llama-cpp/${system}-vulkan/package.json`);
  const none = "no binary for it is installed";
  expect(whyNoGpu(undefined, "vulkan", "3.0.0")).toBe(`${none}; waggle gpu add vulkan fetches it`);
  expect(whyNoGpu(folder, "cuda", "3.0.0")).toBe(`${none}; waggle gpu add cuda fetches it`);
  expect(whyNoGpu(folder, "metal", "3.0.0")).toBe(none);
  writeFileSync(file, '{ "version": "2.9.0" }');
  expect(whyNoGpu(folder, "vulkan", "3.0.0")).toMatch(
    /has version 2\.9\.0, and version 3\.0\.0 is needed; waggle gpu add vulkan fetches it$/,
  );
  writeFileSync(file, '{ "version": "3.0.0" }');
  expect(whyNoGpu(folder, "vulkan", "3.0.0")).toMatch(/does not load here; the GPU, its driver/);
});
