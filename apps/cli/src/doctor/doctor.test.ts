// Tests each check with common problems, and without problems.
import { describe, expect, it } from "vitest";
import { checkEngine, checkGpu, type GpuFacts } from "./engine.ts";
import { checkDisk, checkFolder, checkTokenFile, checkToolRights } from "./files.ts";
import type { Finding } from "./finding.ts";
import { checkNode, checkProcessor, checkSharedMemory } from "./machine.ts";

const mib = 2 ** 20;
const gib = 2 ** 30;

/** @param words a part of the finding's text with the remedy */
function expectFinding(finding: Finding | undefined, level: Finding["level"], words: RegExp): void {
  const { text = "", remedy = "" } = finding ?? {};
  expect([finding?.level, `${text}. ${remedy}`]).toEqual([level, expect.stringMatching(words)]);
  // Every warning and problem has a remedy.
  expect(remedy === "").toBe(level === "ok");
}

describe("waggle doctor: the machine", () => {
  it.each([
    ["20.19.0", "warning", /20\.19\.0 works; .* no security updates since April 2026\. Install Node 24: https/],
    ["22.12.0", "ok", /22/],
    ["24.1.0", "ok", /24/],
    ["20.18.3", "problem", /too old\. Install Node 20\.19 or newer/],
    ["18.20.0", "problem", /too old/],
  ] as const)("Node %s", (version, level, words) => expectFinding(checkNode(version), level, words));

  const processor = { arch: "x64", model: "Bee 9000", cores: 2, flags: new Set(["avx", "avx2", "fma", "f16c"]) };
  it("checks the processor", () => {
    expectFinding(checkProcessor(processor), "ok", /Bee 9000, 2 cores \(avx2, fma, f16c\)/);
    expectFinding(
      checkProcessor({ ...processor, flags: new Set(["avx"]) }),
      "warning",
      /no avx2, fma, f16c.*-cpu host/,
    );
    expectFinding(checkProcessor({ ...processor, flags: undefined }), "ok", /cannot be read/);
    expectFinding(checkProcessor({ ...processor, arch: "arm64", flags: undefined }), "ok", /Bee/);
    expectFinding(checkProcessor({ ...processor, arch: "ppc64", flags: undefined }), "problem", /no engine for ppc64/);
  });

  it("checks the shared memory", () => {
    expect(checkSharedMemory(undefined)).toBeUndefined();
    expectFinding(checkSharedMemory({ totalBytes: gib, freeBytes: gib }), "ok", /free in \/dev\/shm/);
    expectFinding(checkSharedMemory({ totalBytes: 64 * mib, freeBytes: 64 * mib }), "warning", /--shm-size/);
    expectFinding(checkSharedMemory({ totalBytes: gib, freeBytes: 0 }), "warning", /0 B of/);
    expectFinding(checkSharedMemory({ totalBytes: gib, freeBytes: 255 * mib }), "warning", /on disk/);
  });
});

describe("the checks of engine and GPU", () => {
  it.each([
    ["Cannot compute on cpu: no binary for it is installed", /--omit=optional/],
    [
      "Cannot compute on cuda: no binary for it is installed; waggle gpu add cuda fetches it",
      /^[^\n]*\. WAGGLE_DEVICE/,
    ],
    ["Cannot compute on vulkan: the package in /gpu does not load here", /driver\. WAGGLE_DEVICE=cpu/],
    ["/lib/libc.so.6: version `GLIBC_2.32' not found", /glibc/],
    ["The engine was ended by SIGKILL", /memory/],
    ["An unknown error", /waggle serve --log-level debug/],
  ])("explain: %s", (error, remedy) => expectFinding(checkEngine({ error }), "problem", remedy));

  it("find the engine ok when it generates tokens", () => {
    const facts = { error: undefined, device: "cpu", build: "prebuilt", binding: "addon", tokensPerSecond: 812.4 };
    expectFinding(checkEngine(facts), "ok", /computes on cpu, prebuilt build, with Waggle's addon, 812 tokens\/s/);
  });

  it("say why the addon is not used, and what to do where there is one", () => {
    const facts = { error: undefined, device: "cpu", binding: "library", bindingReason: "it is not installed" };
    const words = /own binding; Waggle's addon is not used: it is not installed\..*xtask engine:build/;
    expectFinding(checkEngine(facts, "linux"), "warning", words);
    expectFinding(checkEngine(facts, "win32"), "ok", /with node-llama-cpp's own binding\. $/);
  });

  const none: GpuFacts = {
    platform: "linux",
    arch: "x64",
    nvidia: [],
    nvidiaError: undefined,
    nvidiaDevices: [],
    vulkanDrivers: [],
    renderDevices: [],
    closedDevices: [],
    device: "cpu",
  };
  const card = { name: "H200", driver: "570.1", memoryBytes: 141 * gib };
  const nvidiaDevices = ["/dev/nvidia0"];
  const renderDevices = ["/dev/dri/renderD128"];
  it.each([
    ["none", {}, "ok", /no GPU; using the CPU/],
    ["used", { nvidia: [card], nvidiaDevices, device: "cuda" }, "ok", /H200, 151 GB, driver 570\.1, used by cuda/],
    ["unused", { nvidia: [card], nvidiaDevices }, "warning", /H200.* is not used.*waggle gpu add cuda/],
    ["without a package", { nvidia: [card], arch: "arm64" }, "ok", /H200.* is not used: .*cuda on linux-arm64/],
    ["driver broken", { nvidiaDevices, nvidiaError: "version mismatch" }, "problem", /mismatch.*reboot/],
    ["no driver", { nvidiaDevices }, "warning", /nvidia-smi is not installed.*--gpus all/],
    ["Vulkan unused", { renderDevices, vulkanDrivers: ["radeon_icd"] }, "warning", /radeon_icd.*waggle gpu add vulkan/],
    ["Vulkan without driver", { renderDevices }, "warning", /renderD128 has no Vulkan driver.*mesa-vulkan-drivers/],
    [
      "no permission",
      { renderDevices, closedDevices: renderDevices },
      "warning",
      /may not open.*groups video and render/,
    ],
  ] as const)("GPU: %s", (_, facts, level, words) => expectFinding(checkGpu({ ...none, ...facts }), level, words));
});

describe("waggle doctor: files and folders", () => {
  it("checks that folders can be written", () => {
    const facts = { path: "/m", purpose: "models", existing: "/m", isFolder: true, writable: true };
    expectFinding(checkFolder(facts), "ok", /^\/m\./);
    expectFinding(checkFolder({ ...facts, existing: "/" }), "ok", /will be created/);
    expectFinding(checkFolder({ ...facts, writable: false }), "problem", /cannot be written.*chown/);
    expectFinding(checkFolder({ ...facts, isFolder: false }), "problem", /is not a folder/);
  });

  it("checks the free space of a disk", () => {
    expectFinding(checkDisk("/m", 100 * gib), "ok", /107 GB free at \/m/);
    expectFinding(checkDisk("/m", 2 * gib), "warning", /waggle rm/);
    expectFinding(checkDisk("/m", 5 * mib), "problem", /WAGGLE_MODELS_DIR/);
  });

  it("checks that only its user can read the token file", () => {
    expect(checkTokenFile(undefined)).toBeUndefined();
    const facts = { path: "/t", mode: 0o100600 };
    expectFinding(checkTokenFile(facts), "ok", /\/t/);
    expectFinding(checkTokenFile({ ...facts, mode: 0o100644 }), "warning", /mode 0644.*chmod 600 \/t/);
  });

  it("tools: warns of MCP servers that no token may use, with the line to add", () => {
    const none = { tools: new Set<string>() };
    const facts = { mcpConfig: "/m.json", apiTokenFile: "/t", apiTokens: [none] };
    const warned = /no API token has a right .*\/m\.json.*after a token in \/t: <token> tools=all\.$/;
    expectFinding(checkToolRights(facts), "warning", warned);
    const variable = checkToolRights({ ...facts, apiTokenFile: undefined });
    expectFinding(variable, "warning", /after a token in WAGGLE_API_TOKEN: /);
    for (const tools of ["all", new Set(["files"])] as const)
      expectFinding(checkToolRights({ ...facts, apiTokens: [none, { tools }] }), "ok", /valid/);
    expectFinding(checkToolRights({ ...facts, apiTokens: [] }), "ok", /valid/);
    expectFinding(checkToolRights({ ...facts, mcpConfig: undefined }), "ok", /valid/);
  });
});
