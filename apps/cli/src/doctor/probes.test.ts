import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readGgufFile } from "@waggle/models/header";
import { beforeEach, describe, expect, it } from "vitest";
import { createStyle } from "@waggle/daemon/terminal";
import { formatFinding } from "../commands/doctor.ts";
import { startFakeWorker } from "../testing/fake-worker.ts";
import { runCommand } from "../testing/run-command.ts";
import { probeContext } from "./context.ts";
import { parseNvidia, probeGpu } from "./engine-probe.ts";
import { probeDisk, probeFolder, probeModelFiles, probeTokenFile, tooLargeFor } from "./files-probe.ts";
import type { Finding } from "./finding.ts";
import { flagsIn, probeMemory, probeProcessor } from "./machine-probe.ts";
import { probeHive, probePort } from "./network-probe.ts";
import { probeRunning } from "./running-worker.ts";
import { runTool } from "./run-tool.ts";

const { signal } = new AbortController();
const embedded = fileURLToPath(new URL("../../../../models/waggle-tiny-stories.gguf", import.meta.url));
let folder = "";
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "waggle-doctor-"))));

async function serving<T>(answer: RequestListener | undefined, use: (port: number) => Promise<T>): Promise<T> {
  const server: Server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await use((server.address() as AddressInfo).port);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

describe("the facts of a check", () => {
  it("describe the machine", async () => {
    expect(flagsIn("processor : 0\nflags\t\t: fpu avx2 fma\nbugs : none\n")).toEqual(new Set(["fpu", "avx2", "fma"]));
    expect(flagsIn("Features : asimd")).toBeUndefined();
    expect((await probeProcessor(signal)).cores).toBeGreaterThan(0);
    const { totalBytes, availableBytes } = probeMemory();
    expect(totalBytes).toBeGreaterThanOrEqual(availableBytes);
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
    expect(await probeTokenFile(path)).toEqual({ path, error: "no such file", mode: undefined });
    writeFileSync(path, "");
    chmodSync(path, 0o640);
    expect(((await probeTokenFile(path))?.mode ?? 0) & 0o777).toBe(0o640);
  });

  it("list every download: complete, damaged or incomplete", async () => {
    writeFileSync(join(folder, "hf_a_bee.gguf"), "no model");
    writeFileSync(join(folder, "hf_a_wasp.gguf.0123456789abcdef.part"), "half");
    const config = { modelsFolder: folder, env: {} } as Parameters<typeof probeModelFiles>[0];
    const [bee, wasp] = await probeModelFiles(config, signal);
    expect(bee).toMatchObject({ name: "hf_a_bee", damage: expect.stringContaining("not a GGUF file") as string });
    expect(wasp).toMatchObject({ name: "hf_a_wasp", begun: "unknown" });
  });

  it("list every other file that would be served: named by a setting, or in the models folder", async () => {
    writeFileSync(join(folder, "hf_a_bee.gguf"), "GGUF, downloaded");
    writeFileSync(join(folder, "cut.gguf"), "GGUF, and no more");
    const env = { WAGGLE_MODEL: `tiny=${embedded}\n${join(folder, "gone.gguf")}\nhf:a/bee`, WAGGLE_MODELS_DIR: folder };
    const config = { modelsFolder: folder, env } as unknown as Parameters<typeof probeModelFiles>[0];
    const facts = await probeModelFiles(config, signal);
    expect(facts.map(({ name, own, damage }) => [name, own, damage !== undefined])).toEqual([
      ["hf_a_bee", undefined, true],
      [embedded, true, false],
      [join(folder, "gone.gguf"), true, true],
      [join(folder, "cut.gguf"), true, true],
    ]);
    expect(facts.every(({ tooLarge }) => tooLarge === undefined)).toBe(true);
    const header = await readGgufFile(embedded);
    expect(tooLargeFor(64 * 2 ** 20, header)).toMatchObject({ availableBytes: 64 * 2 ** 20 });
    const wrong = { ...config, env: { ...env, WAGGLE_SLOTS: "none" } };
    expect(await probeModelFiles(wrong, signal)).toHaveLength(1);
  });

  it("contain the default context of the model that would be served", async () => {
    const config = (env: Record<string, string>) =>
      ({ modelsFolder: folder, env }) as unknown as Parameters<typeof probeContext>[0];
    const facts = await probeContext(config({ WAGGLE_MODEL: embedded, WAGGLE_SLOTS: "2" }), signal);
    expect(facts).toMatchObject({ slots: 2, sizes: { contextSize: 512, contextPool: 1_024 } });
    expect(facts?.isShared).toBe(facts?.hasAddon);
    const withAddon = await probeContext(config({ WAGGLE_MODEL: embedded }), signal, "addon");
    expect(withAddon).toMatchObject({ hasAddon: true, isShared: true, slots: 8 });
    const without = await probeContext(config({ WAGGLE_MODEL: embedded }), signal, "library");
    expect(without).toMatchObject({ hasAddon: false, isShared: false });
    writeFileSync(join(folder, "hf_a_bee.gguf"), "no model");
    expect(await probeContext(config({}), signal)).toBeUndefined();
  });

  it("tell whether a port is free, or used by another program or by Waggle", async () => {
    const wanted = { wantedBy: "the worker", flag: "--port" };
    const free = await serving(undefined, async (port) => port);
    expect(await probePort({ ...wanted, port: free }, signal)).toMatchObject({ taken: false });
    const foreign = await serving(
      (_, response) => response.end("hi"),
      (port) => probePort({ ...wanted, port }, signal),
    );
    expect(foreign).toMatchObject({ taken: true, ours: undefined });
    const hive: RequestListener = ({ url }, response) => response.end(url === "/v1/workers" ? '{"workers": []}' : "hi");
    expect(await serving(hive, (port) => probePort({ ...wanted, port }, signal))).toMatchObject({
      taken: true,
      ours: "a hive of 0 workers",
    });
  });

  it("contain what a running worker tells, if there is one", async () => {
    await using worker = await startFakeWorker();
    const probe = async (url: string) =>
      await probeRunning({ config: { url, urlGiven: false }, signal } as unknown as Parameters<typeof probeRunning>[0]);
    expect(await probe(worker.url)).toMatchObject({ max_token_gap_ms: null });
    expect(await probe("http://127.0.0.1:2")).toBeUndefined();
  });

  it("contain the hive's answer and clock", async () => {
    expect(await probeHive(undefined, signal)).toEqual({ hive: undefined, dateMs: undefined });
    expect(await probeHive("http://127.0.0.1:1", signal)).toMatchObject({
      hive: { url: "http://127.0.0.1:1", error: expect.stringMatching(/connection refused|a blocked port/) as string },
    });
    const { hive, dateMs } = await serving(
      (_, response) => response.setHeader("date", "Sun, 01 Nov 2026 00:00:00 GMT").end('{"workers": []}'),
      (port) => probeHive(`http://127.0.0.1:${port}`, signal),
    );
    expect([hive?.error, dateMs]).toEqual([undefined, Date.UTC(2026, 10, 1)]);
  });
});

describe("waggle doctor", () => {
  it("runs all checks, and fails when one finds a problem", async () => {
    const env = { WAGGLE_MCP_CONFIG: "mcp.json", WAGGLE_API_TOKEN: "secret-one" };
    const argv = ["doctor", "--json", "--url", "http://127.0.0.1:1"];
    const { code, out } = await runCommand(argv, { config: { modelsFolder: folder, env } });
    const findings = JSON.parse(out) as readonly Finding[];
    const names = [
      "Node",
      "Processor",
      "Memory",
      "Engine",
      "GPU",
      "Folder of models",
      "Disk",
      "Models",
      "Settings",
      "Tools",
      "Clock",
    ];
    expect(findings.map(({ check }) => check)).toEqual(expect.arrayContaining(names));
    // The worker's program does not exist in this test.
    expect(findings.find(({ check }) => check === "Engine")?.level).toBe("problem");
    expect(findings.find(({ check }) => check === "Running worker")).toMatchObject({
      level: "warning",
      text: expect.stringContaining("Cannot reach http://127.0.0.1:1") as string,
    });
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
