// Tests a bundle by running it: dynamic imports, `import.meta.url` of its modules, and packages that are not bundled.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { bundle } from "./bundle.ts";
import { placeInPackage, placeInWorkspace, type PlaceOf } from "./places.ts";
import type { Program } from "./programs.ts";

let root: string;
beforeEach(() => void (root = realpathSync(mkdtempSync(join(tmpdir(), "waggle-bundle-")))));

const program: Program = { name: "toy", folder: "apps/toy", entries: ["main", "engine/other"] };

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

async function bundleTo(outFolder: string, placeOf: PlaceOf, placed?: ReadonlyMap<string, string>): Promise<void> {
  write("apps/toy/package.json", '{ "type": "module" }');
  const options = { root, outFolder: join(root, outFolder), program, placeOf };
  await bundle(placed === undefined ? options : { ...options, placed });
}

function run(path: string): unknown {
  return JSON.parse(execFileSync(process.execPath, [join(root, path)], { encoding: "utf8" }));
}

it("keeps the location of each module, for a package and for the workspace", async () => {
  const say = "export const here = (): string => import.meta.url;\n";
  write("apps/toy/src/deep/place.ts", say);
  write("packages/part/src/lib/place.ts", say);
  write("node_modules/.pnpm/lib@1/node_modules/@scope/lib/dist/place.js", say.replace(": string", ""));
  write(
    "apps/toy/src/later.ts",
    `import { here as deep } from "./deep/place.ts";
     import { here as part } from "../../../packages/part/src/lib/place.ts";
     import { here as lib } from "../../../node_modules/.pnpm/lib@1/node_modules/@scope/lib/dist/place.js";
     console.log(JSON.stringify([deep(), part(), lib()]));`,
  );
  write("apps/toy/src/main.ts", 'await import("./later.ts");');
  write("apps/toy/src/engine/other.ts", 'await import("../later.ts");');
  const placesBelow = (folder: string, library: string): string[] =>
    ["apps/toy/dist/deep/place.js", "packages/part/dist/lib/place.js", `${library}/@scope/lib/dist/place.js`].map(
      (path) => `file://${join(root, folder, path)}`,
    );

  await bundleTo("", placeInWorkspace);
  const inWorkspace = placesBelow("", "node_modules/.pnpm/lib@1/node_modules");
  expect(run("apps/toy/dist/main.js")).toEqual(inWorkspace);
  expect(run("apps/toy/dist/engine/other.js")).toEqual(inWorkspace);
  // A module that is imported dynamically is a separate file.
  expect(readdirSync(join(root, "apps/toy/dist")).filter((name) => name.startsWith("later-"))).toHaveLength(1);

  write("out/package.json", '{ "type": "module" }');
  await bundleTo("out", placeInPackage);
  expect(run("out/apps/toy/dist/main.js")).toEqual(placesBelow("out", "libraries"));
  expect(run("out/apps/toy/dist/engine/other.js")).toEqual(placesBelow("out", "libraries"));
});

it("finds an engine's package at its path in the build, otherwise where it is installed, and keeps other names", async () => {
  const importAll = `const names = [() => import("@node-llama-cpp/here"), () => import("@node-llama-cpp/elsewhere")];
     const found = await Promise.all(names.map((name) => name().then(({ id }) => id, ({ code }) => code)));
     console.log(JSON.stringify(found));`;
  write("apps/toy/src/main.ts", importAll);
  write("apps/toy/src/engine/other.ts", importAll);
  const here = "node_modules/@node-llama-cpp/here";
  write(`${here}/package.json`, '{ "type": "module", "exports": "./index.js" }');
  write(`${here}/index.js`, 'export const id = "installed";');
  await bundleTo("", placeInWorkspace);
  expect(run("apps/toy/dist/main.js")).toEqual(["installed", "ERR_MODULE_NOT_FOUND"]);

  write("out/package.json", '{ "type": "module" }');
  write("out/libraries/here.js", 'export const id = "placed";');
  await bundleTo("out", placeInPackage, new Map([["@node-llama-cpp/here", "libraries/here.js"]]));
  expect(run("out/apps/toy/dist/engine/other.js")).toEqual(["placed", "ERR_MODULE_NOT_FOUND"]);
});

it("makes WebAssembly part of the bundle, as bytes", async () => {
  write("apps/toy/src/code.wasm", "\0asm");
  write("apps/toy/src/main.ts", 'import code from "./code.wasm";\nconsole.log(JSON.stringify([...code]));');
  write("apps/toy/src/engine/other.ts", "");
  await bundleTo("", placeInWorkspace);
  expect(run("apps/toy/dist/main.js")).toEqual([0, 97, 115, 109]);
});

it("fails when an import cannot be resolved", async () => {
  write("apps/toy/src/main.ts", 'import "./nowhere.ts";');
  write("apps/toy/src/engine/other.ts", "");
  await expect(bundleTo("", placeInWorkspace)).rejects.toThrow(/nowhere/);
});
