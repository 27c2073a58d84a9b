import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { createStyle } from "@waggle/daemon/terminal";
import { formatFinding } from "../commands/doctor.ts";
import { runCommand } from "../testing/run-command.ts";
import { parseNvidia, probeGpu } from "./engine-probe.ts";
import { probeDisk, probeFolder, probeTokenFile } from "./files-probe.ts";
import type { Finding } from "./finding.ts";
import { flagsIn, probeProcessor } from "./machine-probe.ts";
import { runTool } from "./run-tool.ts";

const { signal } = new AbortController();
const embedded = fileURLToPath(new URL("../../../../models/waggle-tiny-stories.gguf", import.meta.url));
let folder = "";
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "waggle-doctor-"))));

describe("the facts of a check", () => {
  it("describe the machine", async () => {
    expect(flagsIn("processor : 0\nflags\t\t: fpu avx2 fma\nbugs : none\n")).toEqual(new Set(["fpu", "avx2", "fma"]));
    expect(flagsIn("Features : asimd")).toBeUndefined();
    expect((await probeProcessor(signal)).cores).toBeGreaterThan(0);
  });

  it("list the GPUs of nvidia-smi, and ignore its other output", async () => {
    expect(parseNvidia("NVIDIA H200, 570.86.15, 143771\n")).toEqual([
      { name: "NVIDIA H200", driver: "570.86.15", memoryBytes: 143_771 * 2 ** 20 },
    ]);
    expect(parseNvidia("NVIDIA-SMI has failed")).toEqual([]);
    expect((await probeGpu("cpu", signal)).device).toBe("cpu");
  });

  it("contain a program's output or its failure, or nothing when it is not installed", async () => {
    expect(await runTool("node", ["--eval", "console.log(1)"], signal)).toEqual({ stdout: "1\n", error: undefined });
    expect(await runTool("node", ["--eval", "console.error('broken'); process.exit(9)"], signal)).toEqual({
      stdout: undefined,
      error: "broken",
    });
    expect(await runTool("no-such-program", [], signal)).toEqual({ stdout: undefined, error: undefined });
  });

  it("describe a folder, or the parent in which it would be created", async () => {
    const here = { purpose: "models", existing: folder, isFolder: true, writable: true };
    expect(await probeFolder(folder, "models")).toEqual({ path: folder, ...here });
    expect(await probeFolder(join(folder, "a", "b"), "models")).toEqual({ path: join(folder, "a", "b"), ...here });
    writeFileSync(join(folder, "file"), "");
    expect(await probeFolder(join(folder, "file", "b"), "models")).toMatchObject({ isFolder: false });
    expect(await probeDisk(join(folder, "a"))).toBeGreaterThan(0);
  });

  it("contain a token file's mode", async () => {
    const path = join(folder, "tokens");
    expect(await probeTokenFile(undefined)).toBeUndefined();
    expect(await probeTokenFile(path)).toBeUndefined();
    writeFileSync(path, "");
    chmodSync(path, 0o640);
    expect(((await probeTokenFile(path))?.mode ?? 0) & 0o777).toBe(0o640);
  });
});

describe("waggle doctor", () => {
  it("runs all checks, and fails when one finds a problem", async () => {
    const env = { WAGGLE_MCP_CONFIG: "mcp.json", WAGGLE_API_TOKEN: "secret-one" };
    const { code, out } = await runCommand(["doctor", "--json"], { config: { modelsFolder: folder, env } });
    const findings = JSON.parse(out) as readonly Finding[];
    const names = ["Node", "Processor", "Engine", "GPU", "Folder of models", "Folder of state", "Disk", "Settings"];
    expect(findings.map(({ check }) => check)).toEqual(expect.arrayContaining(names));
    // The worker's program does not exist in this test.
    expect(findings.find(({ check }) => check === "Engine")?.level).toBe("problem");
    expect(code).toBe(1);
  });

  it("tests the engine with the embedded model, whatever was used last", async () => {
    const note = join(folder, "args.json");
    const path = join(folder, "waggle.mjs");
    writeFileSync(
      path,
      `import { writeFileSync as w } from "node:fs"; w(process.env.HOME, JSON.stringify(process.argv));`,
    );
    const config = { modelsFolder: folder, entry: { path, execArgv: [] }, env: { HOME: note } };
    await runCommand(["doctor", "--json"], { config });
    expect((JSON.parse(readFileSync(note, "utf8")) as string[]).slice(2, 4)).toEqual(["serve", embedded]);
  });

  it("marks each finding, and puts its remedy on the next line", () => {
    const style = createStyle(false);
    expect(formatFinding({ check: "Disk", level: "ok", text: "enough" }, style)).toBe("✓ Disk               enough\n");
    expect(formatFinding({ check: "Disk", level: "problem", text: "full", remedy: "Free some." }, style)).toBe(
      "✗ Disk               full\n                     → Free some.\n",
    );
  });
});
