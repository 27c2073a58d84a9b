// Tests each check with common problems, and without problems.
import type { WorkerInfo } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { checkContext } from "./context.ts";
import { checkEngine, checkGpu, type GpuFacts } from "./engine.ts";
import { checkDisk, checkFolder, checkModelFiles, checkSettings, checkTokenFile, checkToolRights } from "./files.ts";
import type { Finding } from "./finding.ts";
import { checkClock, checkMemory, checkNode, checkProcessor, checkSharedMemory } from "./machine.ts";
import { checkHive, checkPort } from "./network.ts";
import { checkRunning } from "./running-worker.ts";

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

  it("checks the memory", () => {
    const facts = { totalBytes: 16 * gib, availableBytes: 8 * gib, limitBytes: undefined };
    expectFinding(checkMemory(facts), "ok", /8\.6 GB of 17\.2 GB available\./);
    expectFinding(
      checkMemory({ ...facts, availableBytes: 600 * mib, limitBytes: gib }),
      "warning",
      /limited to 1\.1 GB/,
    );
    expectFinding(checkMemory({ ...facts, availableBytes: 100 * mib }), "problem", /not even a small model/);
  });

  it("checks the shared memory", () => {
    expect(checkSharedMemory(undefined)).toBeUndefined();
    expectFinding(checkSharedMemory({ totalBytes: gib, freeBytes: gib }), "ok", /free in \/dev\/shm/);
    expectFinding(checkSharedMemory({ totalBytes: 64 * mib, freeBytes: 64 * mib }), "warning", /--shm-size/);
    expectFinding(checkSharedMemory({ totalBytes: gib, freeBytes: 0 }), "warning", /0 B of/);
    expectFinding(checkSharedMemory({ totalBytes: gib, freeBytes: 255 * mib }), "warning", /on disk/);
  });

  it("compares the clock with another machine's", () => {
    const nowMs = Date.UTC(2026, 10, 22);
    expectFinding(checkClock({ nowMs }), "ok", /2026-11-22/);
    expectFinding(checkClock({ nowMs: 0 }), "problem", /1970.*HTTPS/);
    expectFinding(checkClock({ nowMs, otherMs: nowMs - 120_000 }), "warning", /120 s from the hive's/);
    expectFinding(checkClock({ nowMs, otherMs: nowMs, whose: "the worker's" }), "ok", /, as the worker's/);
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

  it("checks that models are complete and fit into memory", () => {
    const bee = { name: "bee", reference: "hf:a/bee:Q4_0" };
    expect(checkModelFiles([]).map(({ text }) => text)).toEqual([
      "no downloads; the embedded model is always available",
    ]);
    const own = { name: "/m/x.gguf", reference: undefined, own: true };
    expect(checkModelFiles([bee, own])[0]?.text).toBe("1 downloaded and 1 other, all complete");
    expect(checkModelFiles([own])[0]?.text).toBe("1 other, all complete");
    const [broken] = checkModelFiles([{ ...own, damage: "no such file" }]);
    expectFinding(broken, "problem", /^\/m\/x\.gguf: no such file\. Correct the path/);
    expect(checkModelFiles([bee]).map(({ level, text }) => [level, text])).toEqual([
      ["ok", "1 downloaded, all complete"],
    ]);
    const [begun, damaged, nameless] = checkModelFiles([
      { ...bee, begun: 0.456 },
      { ...bee, damage: "not a GGUF file" },
      { name: "old", reference: undefined, begun: "unknown" },
    ]);
    expectFinding(begun, "warning", /bee is incomplete, 45 %\. Continue with "waggle pull hf:a\/bee:Q4_0"/);
    expectFinding(damaged, "problem", /not a GGUF file.*"waggle rm bee" and "waggle pull hf:a\/bee:Q4_0"/);
    const [large] = checkModelFiles([{ ...bee, tooLarge: { needsBytes: 40 * gib, availableBytes: 2 * gib } }]);
    expectFinding(large, "warning", /bee needs 42\.9 GB of memory, and 2\.1 GB are available\. .*waggle fit/);
    expectFinding(nameless, "warning", /old is incomplete\./);
  });

  it("shows the context that fits", () => {
    expect(checkContext(undefined)).toBeUndefined();
    const sizes = { contextSize: 32_768, contextPool: 65_536 };
    const facts = { model: "bee.gguf", slots: 8, hasAddon: true, isShared: true, sizes };
    expectFinding(
      checkContext(facts),
      "ok",
      /^bee\.gguf: 32768 tokens for one job, 65536 for all 8 slots, which share them/,
    );
    expectFinding(checkContext({ ...facts, isShared: false }), "ok", /do not share their memory with this model/);
    expectFinding(checkContext({ ...facts, isShared: false, hasAddon: false }), "ok", /without Waggle's addon/);
    expectFinding(checkContext({ ...facts, sizes: undefined }), "warning", /no context for 8 slots fits.*waggle fit/);
  });

  it("checks that only its user can read the token file", () => {
    expect(checkTokenFile(undefined)).toBeUndefined();
    const facts = { path: "/t", error: undefined, mode: 0o100600 };
    expectFinding(checkTokenFile(facts), "ok", /\/t/);
    expectFinding(checkTokenFile({ ...facts, mode: 0o100644 }), "warning", /mode 0644.*chmod 600 \/t/);
    expectFinding(
      checkTokenFile({ ...facts, error: "no such file" }),
      "problem",
      /no such file.*WAGGLE_API_TOKEN_FILE/,
    );
  });

  it("tools: warns of MCP servers that no token may use, with the line to add", () => {
    const none = { tools: new Set<string>() };
    const facts = { mcpConfig: "/m.json", apiTokenFile: "/t", apiTokens: [none] };
    const warned = /no API token has a right .*\/m\.json.*after a token in \/t: <token> tools=all\.$/;
    expectFinding(checkToolRights(facts), "warning", warned);
    const variable = checkToolRights({ ...facts, apiTokenFile: undefined });
    expectFinding(variable, "warning", /after a token in WAGGLE_API_TOKEN: /);
    for (const tools of ["all", new Set(["files"])] as const)
      expect(checkToolRights({ ...facts, apiTokens: [none, { tools }] })).toBeUndefined();
    expect(checkToolRights({ ...facts, apiTokens: [] })).toBeUndefined();
    expect(checkToolRights({ ...facts, mcpConfig: undefined })).toBeUndefined();
  });

  it("checks the settings", () => {
    expectFinding(checkSettings(undefined, 0), "ok", /defaults/);
    expectFinding(checkSettings(undefined, 1), "ok", /^1 WAGGLE_ variable, valid/);
    expectFinding(checkSettings(undefined, 2), "ok", /^2 WAGGLE_ variables, valid/);
    expectFinding(checkSettings('Cannot use --slots "x": it must be a number.\n', 1), "problem", /Cannot use --slots/);
  });
});

describe("a running worker", () => {
  const attention_costs = {
    ...{ cells: 2_048, threads: 1 },
    flash: { row_ms: 9, tile_ms: 1.1 },
    plain: { row_ms: 5, tile_ms: 1 },
  };
  const settings = (flash_attention: boolean) => ({ flash_attention }) as NonNullable<WorkerInfo["settings"]>;
  const pieces = [
    { context: 0, tokens: 64, step_ms: 90, slowdown: 1.2 },
    { context: 1_000, tokens: 4, step_ms: 99, slowdown: 3.44 },
  ];

  it("attention: says which was chosen, and what the other one takes", () => {
    const findings = (isOn: boolean) =>
      checkRunning({ max_token_gap_ms: 100, attention_costs, settings: settings(isOn) });
    expect(findings(false)).toEqual([
      {
        ...{ check: "Attention", level: "ok" },
        text: "without flash attention; with it, attention takes 1.8 times as long for a stream's token after 2,048 tokens here, and 1.1 times for a prompt's",
      },
    ]);
    expectFinding(
      findings(true)[0],
      "ok",
      /^with flash attention; without it, attention takes 0\.6 times .* 0\.9 times/,
    );
  });

  it("max token gap: warns of one that makes prompts slow", () => {
    const [finding] = checkRunning({ max_token_gap_ms: 100, prompt_pieces: pieces });
    expectFinding(finding, "warning", /with 100 ms, .* 3\.4 times more slowly after 1,000 tokens\. .*--max-token-gap/);
    expect(checkRunning({ max_token_gap_ms: 100, prompt_pieces: pieces.slice(0, 1) })).toEqual([]);
    expect(checkRunning({ max_token_gap_ms: null, prompt_pieces: pieces })).toEqual([]);
    expect(checkRunning(undefined)).toEqual([]);
    const [dead] = checkRunning({
      max_token_gap_ms: null,
      models: [{ name: "bee", state: "failed", reason: "It died." }],
    });
    expectFinding(dead ?? expect.fail("none"), "problem", /bee failed: It died.*waggle load bee/);
  });
});

describe("waggle doctor: ports and hive", () => {
  it("says which program uses a port", () => {
    const facts = {
      port: 7711,
      wantedBy: "the worker",
      taken: false,
      holder: undefined,
      ours: undefined,
      flag: "--port",
    };
    expectFinding(checkPort(facts), "ok", /free for the worker/);
    expectFinding(checkPort({ ...facts, taken: true, ours: "a worker with bee, ready" }), "ok", /bee, ready/);
    const failed = { ...facts, taken: true, ours: "a worker with bee, failed", isFailed: true };
    expectFinding(checkPort(failed), "problem", /bee, failed.*waggle ps --url/);
    expectFinding(checkPort({ ...facts, taken: true, holder: "nginx (12)" }), "warning", /nginx \(12\).*--port 7712/);
    expectFinding(checkPort({ ...facts, taken: true }), "warning", /another user/);
    expectFinding(checkPort({ ...facts, flag: "--ollama-port", taken: true, holder: "ollama" }), "ok", /--ollama-port/);
  });

  it("checks that the hive answers", () => {
    expect(checkHive(undefined)).toBeUndefined();
    expectFinding(checkHive({ url: "http://hive", error: undefined }), "ok", /answers/);
    expectFinding(checkHive({ url: "http://hive", error: "ECONNREFUSED" }), "problem", /ECONNREFUSED.*WAGGLE_HIVE_URL/);
  });
});
