// Tests the parts of packing: licences, kinds of machines, and that an empty machine lists leftover files.
import { mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { Program } from "../../bundle/index.ts";
import { createEmptyMachine } from "./empty-machine.ts";
import { engineBinaryFor } from "../build/engine-binary.ts";
import { packageManifest } from "./manifest.ts";
import { findInstalled, noticeOf, noticesText, packageFoldersOf, withDependencies } from "./notices.ts";

let root: string;
beforeEach(() => void (root = realpathSync(mkdtempSync(join(tmpdir(), "waggle-pack-")))));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function install(name: string, manifest: object, licence?: string): string {
  const folder = `node_modules/.pnpm/${name.replace("/", "+")}/node_modules/${name}`;
  write(`${folder}/package.json`, JSON.stringify({ name, version: "1.0.0", ...manifest }));
  if (licence !== undefined) write(`${folder}/LICENSE.md`, licence);
  return folder;
}

describe("notices", () => {
  it("finds the package of each file, at any depth, and lists each package once", () => {
    const files = [
      "node_modules/.pnpm/@a+b@1/node_modules/@a/b/dist/x.js",
      "node_modules/.pnpm/@a+b@1/node_modules/@a/b/y.js",
      "node_modules/.pnpm/c@1/node_modules/c/node_modules/d/index.js",
      "packages/front/src/index.ts",
    ];
    expect(packageFoldersOf("/r", files)).toEqual([
      "/r/node_modules/.pnpm/@a+b@1/node_modules/@a/b",
      "/r/node_modules/.pnpm/c@1/node_modules/c/node_modules/d",
    ]);
  });

  it("follows dependencies as Node does, also in a cycle", () => {
    const a = install("a", { dependencies: { "@s/b": "1" } });
    const b = install("@s/b", { dependencies: { a: "1" } });
    mkdirSync(join(root, dirname(a), "@s"));
    symlinkSync(join(root, b), join(root, dirname(a), "@s/b"));
    symlinkSync(join(root, a), join(root, dirname(dirname(b)), "a"));
    expect([...withDependencies(join(root, a))]).toEqual([join(root, a), join(root, b)]);
    expect(() => findInstalled(join(root, a), "absent")).toThrow(
      "Cannot find the licence of absent: the package is not installed",
    );
  });

  it("lists each package once, in order, with its licence, and refuses a package without one", () => {
    const b = noticeOf(join(root, install("b", { license: "ISC" }, "Words of b.\n")));
    const a = noticeOf(join(root, install("a", { license: "MIT" })));
    const text = noticesText([b, a, b]);
    expect(text.match(/^[ab] 1\.0\.0$/gm)).toEqual(["a 1.0.0", "b 1.0.0"]);
    expect(text).toContain("b 1.0.0\nLicence: ISC\n\nWords of b.\n");
    const d = install("d", { license: "MIT" }, "Words of d.\n");
    write(`${d}/codec/LICENSE.codec.md`, "Words of its codec.\n");
    write(`${d}/node_modules/e/LICENSE`, "Words of e.\n");
    write(`${d}/codec/unlicensed.js`, "");
    expect(noticeOf(join(root, d)).text).toBe("Words of d.\n\nWords of its codec.");
    expect(() => noticeOf(join(root, install("c", {})))).toThrow("Cannot pack c: it names no licence");
  });
});

describe("the manifest", () => {
  const programs: readonly Program[] = [
    { name: "x", folder: "apps/x", entries: ["main"], bin: { command: "x-it", file: "bin/x.js" } },
    { name: "thread", folder: "packages/y", entries: ["lib/thread"] },
  ];
  const common = {
    version: "1.2.3",
    description: "d",
    license: "MIT",
    nodeRange: ">=20.19",
    programs,
    files: ["apps"],
  };

  it("lists the platforms of the contained engine, and no dependencies", () => {
    const { kind } = engineBinaryFor("linux", "x64");
    expect(packageManifest({ ...common, kind, engineVersion: "3.0.0" })).toEqual({
      ...{ name: "waggle", version: "1.2.3", description: "d", license: "MIT", type: "module", files: ["apps"] },
      bin: { "x-it": "apps/x/bin/x.js" },
      engines: { node: ">=20.19" },
      ...{ os: ["linux"], cpu: ["x64"], libc: ["glibc"] },
    });
    expect(() => engineBinaryFor("sunos", "x64")).toThrow("Cannot find an engine for sunos on x64");
  });

  it("without an engine lists all engine packages of one version, for npm to choose from", () => {
    const manifest = packageManifest({ ...common, kind: undefined, engineVersion: "3.0.0" });
    expect(manifest).not.toHaveProperty("os");
    expect(manifest).toHaveProperty(
      "optionalDependencies",
      expect.objectContaining({ "@node-llama-cpp/linux-x64": "3.0.0" }),
    );
    expect(JSON.stringify(manifest)).not.toMatch(/cuda|vulkan/);
  });
});

describe("an empty machine", () => {
  it("has none of this machine's settings, lists every leftover file, and reports the output of a failed command", async () => {
    using machine = createEmptyMachine();
    expect(machine.files()).toEqual([]);
    const script =
      'const fs = require("fs"); fs.mkdirSync("a"); fs.writeFileSync("a/b", ""); console.log(process.env.HOME)';
    const printed = await machine.run(process.execPath, ["-e", script], 20_000);
    expect(printed).toBe(machine.env["HOME"]);
    expect(machine.files()).toEqual(["home/a/b"]);
    expect(Object.keys(machine.env).filter((name) => name.startsWith("WAGGLE"))).toEqual([]);
    await expect(machine.run(process.execPath, ["-e", 'throw "no luck"'], 20_000)).rejects.toThrow("no luck");
  });
});
