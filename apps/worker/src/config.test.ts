import { resolve } from "node:path";
import { expect, test } from "vitest";
import { variableOf } from "@waggle/daemon";
import { readTokens } from "@waggle/daemon/tokens";
import { parseConfig } from "./config.ts";
import type { WorkerConfig } from "./config.ts";
import type { WorkerMachine } from "./config/machine.ts";
import { isModelSetting } from "./config/model-settings.ts";
import type { OptionRow } from "@waggle/daemon";
import { optionRows } from "./config/option-table.ts";
import type { OptionKey } from "./config/option-table.ts";

const machine: WorkerMachine = {
  ...{ hostname: "hive 7.example.org", cores: 8, pid: 4_242, homeFolder: "/home/bee" },
  ...{ stdoutIsTerminal: false, stderrIsTerminal: false, version: "1.2.3", program: "waggle-worker" },
  readText(path) {
    if (path.endsWith(".yaml")) return "";
    return path.endsWith(".token") ? "hive-secret\n" : "alice:alice-secret\nbob:bob-secret\n";
  },
};

const local = ["--local-mode"];

function run(argv: readonly string[], env: Record<string, string> = {}, on: WorkerMachine = machine): WorkerConfig {
  const result = parseConfig(argv, env, on);
  if (result.kind === "exit") throw new Error(result.stderr ?? result.stdout);
  return result.config;
}

function refusal(argv: readonly string[], env: Record<string, string> = {}, on: WorkerMachine = machine): string {
  const result = parseConfig(argv, env, on);
  if (result.kind === "run") throw new Error("was accepted");
  expect(result.code).toBe(64);
  expect(result.stdout).toBeUndefined();
  expect(result.stderr).toMatch(/^waggle-worker: .*\(waggle-worker --help says more\.\)\n$/s);
  return result.problems?.join("\n") ?? "";
}

/** Two valid texts with their values, and texts that are refused. For numbers, the lowest and the highest value, and the nearest refused ones. */
type Sample = readonly [string, unknown, string, unknown, ...string[]];

const path: Sample = ["/a", "/a", "/b", "/b", "x".repeat(4_097)];
const onOff: Sample = ["true", true, "false", false, "perhaps"];
const name = (longest: number): Sample => ["ü", "ü", "x".repeat(longest), "x".repeat(longest), "x".repeat(longest + 1)];
const whole = (low: number, high: number): Sample => [
  `${low}`,
  low,
  `${high}`,
  high,
  `${low - 1}`,
  `${high + 1}`,
  "1e3",
];

const samples: { readonly [K in OptionKey]: Sample } = {
  configFile: ["/a.yaml", "/a.yaml", "b.yaml", "b.yaml", "x".repeat(4_097)],
  models: [
    "./a.gguf",
    [{ name: undefined, reference: "./a.gguf" }],
    "a=./a=b.gguf\nhf:u/r:Q8_0",
    [
      { name: "a", reference: "./a=b.gguf" },
      { name: undefined, reference: "hf:u/r:Q8_0" },
    ],
    "x".repeat(4_097),
  ],
  defaultModel: name(256),
  aliases: [
    "a=b",
    [{ alias: "a", name: "b" }],
    "a=b,c=d e",
    [
      { alias: "a", name: "b" },
      { alias: "c", name: "d e" },
    ],
    "a",
  ],
  pinnedModels: ["a", ["a"], "a,b", ["a", "b"], "a,,b"],
  hubUrl: ["https://hub.example/x/", "https://hub.example/x", "http://a", "http://a", "ftp://a"],
  keepAliveMs: ["5m", 300_000, "-1", Infinity, "soon"],
  memoryBudgetBytes: ["0", 0, "16384GiB", 2 ** 44, "16385GiB", "much"],
  maxLoadedModels: whole(1, 64),
  modelRef: name(256),
  modelsFolder: path,
  gpuFolder: path,
  offline: onOff,
  chatTemplate: ["chatml", "chatml", "generic", "generic", "x".repeat(4_097)],
  defaultMaxTokens: whole(1, 1_048_576),
  defaultRepetitionLimit: whole(2, 1_024),
  backend: ["llama", "llama", "fake", "fake", "vllm"],
  device: ["cpu", "cpu", "cuda", "cuda", "tpu"],
  slots: whole(1, 64),
  contextSize: whole(16, 16_777_216),
  contextPool: whole(16, 1_073_741_824),
  cacheForm: ["reserved", "reserved", "separate", "separate", "paged"],
  threads: whole(1, 512),
  batchSize: whole(16, 8_192),
  cacheTypeK: ["q8_0", "q8_0", "iq4_nl", "iq4_nl", "q6_k"],
  cacheTypeV: ["f32", "f32", "q4_1", "q4_1", "Q8"],
  flashAttention: ["on", "on", "off", "off", "true"],
  gpuLayers: ["all", "all", "10000", 10_000, "-1", "10001"],
  mmap: ["false", false, "on", true, "perhaps"],
  mlock: onOff,
  lora: [
    "/a.gguf,/b=c.gguf=-0.5",
    [
      { path: "/a.gguf", scale: 1 },
      { path: "/b=c.gguf", scale: -0.5 },
    ],
    "/a.gguf=1000",
    [{ path: "/a.gguf", scale: 1_000 }],
    "/a.gguf=1001",
  ],
  mmproj: ["none", "none", "/a.gguf", "/a.gguf", "x".repeat(4_097)],
  maxPicturePixels: whole(4_096, 100_000_000),
  ropeScaling: ["yarn", "yarn", "none", "none", "longrope"],
  ropeFreqBase: ["1", 1, "1e12", 1e12, "0.5", "1e13"],
  ropeFreqScale: ["0.001", 0.001, "1", 1, "0.0009", "1.1"],
  yarnOrigCtx: whole(16, 16_777_216),
  prefillBudget: whole(1, 8_192),
  maxTokenGapMs: ["1", 1, "1m", 60_000, "0", "61s"],
  guesses: onOff,
  prefixStoreBytes: ["0", 0, "1024GiB", 2 ** 40, "1025GiB", "2TiB"],
  prefixStoreDir: path,
  host: ["[::1]", "::1", "localhost", "localhost", "1.2.3.4:80"],
  port: whole(0, 65_535),
  ollama: onOff,
  ollamaPort: whole(0, 65_535),
  advertiseUrl: ["http://a:1", "http://a:1", "https://b/x/", "https://b/x", "ftp://a"],
  localMode: ["true", true, "true", true, "2"],
  apiTokenFile: path,
  allowedHosts: ["A.example.org", ["a.example.org"], "a,[::1]", ["a", "[::1]"], "a:80"],
  allowedMediaHosts: ["A.example.org", ["a.example.org"], "a,b", ["a", "b"], "https://a"],
  allowedOrigins: ["https://a", ["https://a"], "http://a:1,https://b", ["http://a:1", "https://b"], "*"],
  openMetrics: onOff,
  hiveUrl: ["http://hive:7700", "http://hive:7700", "http://hive/", "http://hive", "hive:7700"],
  hiveTokenFile: ["/a.token", "/a.token", "/b.token", "/b.token", "x".repeat(4_097)],
  workerId: ["w-1", "w-1", "a.b:c_d", "a.b:c_d", "a b"],
  heartbeatIntervalMs: ["50ms", 50, "1h", 3_600_000, "49ms", "61m"],
  mcpConfig: path,
  mcpJournalDir: path,
  batchDir: path,
  maxBatchWindowMs: ["1m", 60_000, "720h", 2_592_000_000, "59s", "721h"],
  mcpSteps: whole(1, 100),
  mcpCallTimeoutMs: ["50ms", 50, "1h", 3_600_000, "49ms", "61m"],
  mcpTurnTimeoutMs: ["100ms", 100, "24h", 86_400_000, "99ms", "25h"],
  natsUrl: name(2_048),
  natsCreds: path,
  natsInsecure: onOff,
  historyBytes: ["0", 0, "64GiB", 2 ** 36, "-1", "65GiB"],
  logLevel: ["trace", "trace", "silent", "silent", "loud"],
  logFormat: ["json", "json", "pretty", "pretty", "xml"],
  queueCapacity: whole(1, 4_096),
  clientQueueShare: ["0.000001", 0.000_001, "1", 1, "0", "1.1"],
  drainTimeoutMs: ["0", 0, "24h", 86_400_000, "25h"],
  loadTimeoutMs: ["100ms", 100, "24h", 86_400_000, "99ms", "25h"],
  watchdogTimeoutMs: ["50ms", 50, "1h", 3_600_000, "49ms", "61m"],
  crashLoopDeaths: whole(1, 100),
  supersedeTimeoutMs: ["0s", 0, "1m", 60_000, "61s", "2 s"],
  unclaimedTimeoutMs: ["50ms", 50, "24h", 86_400_000, "49ms", "25h"],
  reconnectGraceMs: ["0", 0, "1h", 3_600_000, "61m", "1d"],
  retryGraceMs: ["0", 0, "1h", 3_600_000, "61m"],
  replayWindowMs: ["0", 0, "24h", 86_400_000, "25h"],
  replayBufferBytes: ["1024", 1_024, "64MiB", 2 ** 26, "1023", "65MiB"],
  answerWindowMs: ["0", 0, "24h", 86_400_000, "25h"],
  endedJobsKept: whole(1, 1_000_000),
  readerStallTimeoutMs: ["50ms", 50, "1h", 3_600_000, "49ms", "61m"],
  pingIntervalMs: ["50ms", 50, "1h", 3_600_000, "49ms", "61m"],
  maxBodyBytes: ["1KiB", 1_024, "1GiB", 2 ** 30, "1023", "1025MiB", "1.5MiB"],
  maxBodiesBytes: ["1KiB", 1_024, "64GiB", 2 ** 36, "1023", "65GiB", "64MB"],
  maxPictureBytes: ["1KiB", 1_024, "32MiB", 2 ** 25, "1023", "33MiB"],
  maxPictures: whole(0, 1_024),
  maxPicturesBytes: ["1KiB", 1_024, "4GiB", 2 ** 32, "1023", "5GiB"],
  picturesTotalBytes: ["1KiB", 1_024, "256GiB", 2 ** 38, "1023", "257GiB"],
  requestTimeoutMs: ["50ms", 50, "1h", 3_600_000, "49ms", "61m"],
  maxConnections: whole(1, 65_536),
  maxStreamsPerClient: whole(1, 65_536),
  fakeStepDelayMs: ["0", 0, "1h", 3_600_000, "61m"],
  fakeLoadDelayMs: ["0", 0, "1h", 3_600_000, "61m"],
  fakeFailLoad: name(1_024),
  fakeCrashAtStep: whole(0, 1_000_000_000),
  fakeGate: name(100),
};

const fakeFields = {
  fakeStepDelayMs: "stepDelayMs",
  fakeLoadDelayMs: "loadDelayMs",
  fakeFailLoad: "failLoad",
  fakeCrashAtStep: "crashAtStep",
  fakeGate: "gate",
} as const;

function valueOf(config: WorkerConfig, key: OptionKey): unknown {
  if (key in fakeFields) return config.fake[fakeFields[key as keyof typeof fakeFields]];
  if (key === "models") return config.models.map(({ name, reference }) => ({ name, reference }));
  return isModelSetting(key) ? config.modelSettings[key] : config[key as keyof WorkerConfig];
}

/** Other flags that the setting requires, or that its lowest or highest value requires. */
function company(key: OptionKey): readonly string[] {
  if (key === "localMode" || key === "apiTokenFile") return [];
  if (key === "natsCreds" || key === "natsInsecure") return [...local, "--nats-url", "nats://a"];
  if (key === "maxBodyBytes") return [...local, "--max-bodies", "64GiB"];
  if (key === "maxBodiesBytes") return [...local, "--max-body", "1KiB"];
  if (key === "maxPicturesBytes") return [...local, "--pictures-total", "256GiB"];
  if (key === "picturesTotalBytes") return [...local, "--max-pictures-bytes", "1KiB"];
  return key.startsWith("fake") ? [...local, "--backend", "fake"] : local;
}

function asFlag(row: OptionRow, text: string): string[] {
  if (row.value !== undefined) return [`--${row.flag}`, text];
  return text === "true" ? [`--${row.flag}`] : [];
}

const settings = optionRows.map(([key, row]) => ({ key, row, flag: `--${row.flag}`, variable: variableOf(row) }));

// How a setting is read from a flag, a variable and the file is tested in packages/daemon/src/settings/read-config.test.ts.
test.each(settings)("$flag takes its lowest and its highest value, and no other", ({ key, row, flag, variable }) => {
  const [lowest, lowestValue, highest, highestValue, ...refused] = samples[key];
  expect(valueOf(run([...company(key), ...asFlag(row, lowest)]), key)).toEqual(lowestValue);
  expect(valueOf(run(company(key), { [variable]: highest }), key)).toEqual(highestValue);
  for (const text of refused) expect(refusal(company(key), { [variable]: text })).toContain(`Cannot use ${flag} "`);
});

test("every default is a valid value of its setting", () => {
  expect(run(local)).toMatchObject({
    ...{ port: 7_711, host: "127.0.0.1", backend: "llama", offline: false, models: [], servesFolder: false },
    ...{ prefixStoreBytes: 1_073_741_824, prefixStoreDir: undefined, maxLoadedModels: 4, hiveUrl: undefined },
    ...{ queueCapacity: 64, maxBodyBytes: 4_194_304, crashLoopDeaths: 6, defaultMaxTokens: undefined },
    ...{ drainTimeoutMs: 30_000, unclaimedTimeoutMs: 30_000, reconnectGraceMs: 5_000, supersedeTimeoutMs: 2_000 },
    ...{ heartbeatIntervalMs: 5_000, pingIntervalMs: 15_000, watchdogTimeoutMs: 30_000, version: "1.2.3" },
    ...{ replayWindowMs: 60_000, answerWindowMs: 1_800_000, defaultRepetitionLimit: undefined },
    modelSettings: {
      ...{ slots: 8, device: "auto", guesses: true, prefillBudget: undefined, maxTokenGapMs: undefined },
      ...{ chatTemplate: undefined, contextSize: undefined },
    },
  });
});

test("a password in a URL is refused and not repeated", () => {
  const message = refusal(local, { WAGGLE_HIVE_URL: "http://bee:s3cret@hive:7700" });
  expect(message).toContain("WAGGLE_HIVE_URL");
  expect(message).not.toContain("s3cret");
});

test("a wildcard address is not advertised to a hive", () => {
  const argv = ["--host", "0.0.0.0", "--hive-url", "http://hive:7700"];
  expect(refusal(argv, { WAGGLE_API_TOKEN: "0123456789" })).toContain("--advertise-url");
  expect(run([...argv, "--advertise-url", "http://w:7711"], { WAGGLE_API_TOKEN: "0123456789" }).host).toBe("0.0.0.0");
});

test("settings of the fake backend need the fake backend", () => {
  expect(refusal([...local, "--fake-gate", "g"])).toContain("--fake-gate without --backend fake");
});

test("impossible settings of the KV cache or of RoPE are refused before a model is loaded", () => {
  expect(refusal([...local, "--context-size", "4096", "--context-pool", "4095"])).toContain(
    "Cannot use --context-size 4096 with --context-pool 4095: a job cannot have more tokens than all jobs together.",
  );
  expect(run([...local, "--context-size", "4096", "--context-pool", "4096"]).modelSettings).toMatchObject({
    ...{ contextSize: 4_096, contextPool: 4_096 },
  });
  expect(refusal([...local, "--cache-type-v", "q8_0", "--flash-attention", "off"])).toContain(
    "--cache-type-v q8_0 with --flash-attention off",
  );
  expect(refusal([...local, "--rope-scaling", "none", "--rope-freq-scale", "0.5"])).toContain("no effect");
  expect(refusal([...local, "--rope-scaling", "linear", "--yarn-orig-ctx", "512"])).toContain("it is for yarn");
  const stretched = run([...local, "--rope-scaling", "yarn", "--rope-freq-scale", "0.5", "--yarn-orig-ctx", "512"]);
  expect(stretched.modelSettings).toMatchObject({ ropeScaling: "yarn", ropeFreqScale: 0.5, yarnOrigCtx: 512 });
});

test("a relative path of an adapter is resolved from the working folder", () => {
  expect(run([...local, "--lora", "a.gguf=2", "--lora", "b.gguf"]).modelSettings.lora).toEqual([
    { path: resolve("a.gguf"), scale: 2 },
    { path: resolve("b.gguf"), scale: 1 },
  ]);
});

test("the limit of one body is at most the limit of all bodies", () => {
  expect(refusal([...local, "--max-body", "2MiB", "--max-bodies", "1MiB"])).toContain("--max-bodies");
});

test("tokens of the file and of the variable are clients that share the queue", () => {
  const config = run(["--api-token-file", "/t"], { WAGGLE_API_TOKEN: "0123456789" });
  expect(config.apiTokens.map(({ name }) => name)).toEqual(["default", "alice", "bob"]);
  expect(config.clientQueueShare).toBe(0.5);
  expect(readTokens(config, () => "carol:carol-secret").map(({ name }) => name)).toEqual(["default", "carol"]);
});

test("by default the number of threads leaves one core free", () => {
  const threadsOf = (argv: readonly string[], on = machine) => run(argv, {}, on).modelSettings;
  expect(threadsOf(local)).toMatchObject({ threads: 7, threadsPinned: false });
  expect(threadsOf(local, { ...machine, cores: 1 })).toMatchObject({ threads: 1, threadsPinned: false });
  expect(threadsOf([...local, "--threads", "8"])).toMatchObject({ threads: 8, threadsPinned: true });
});

test("Ollama's port differs from the worker's port", () => {
  expect(refusal([...local, "--ollama", "--port", "11434"])).toContain("--ollama with --port 11434");
  expect(run([...local, "--port", "11434"]).ollama).toBe(false);
  expect(run([...local, "--ollama", "--port", "0", "--ollama-port", "0"]).ollamaPort).toBe(0);
});

test("the next start of a worker has the same name if the port or the name is set", () => {
  expect(run(local)).toMatchObject({ workerId: "worker-hive-7.example.org-7711", hasLastingId: true });
  expect(run([...local, "--port", "0"]).hasLastingId).toBe(false);
  expect(run([...local, "--port", "0", "--worker-id", "one"])).toMatchObject({ workerId: "one", hasLastingId: true });
});

test("in a checkout, where npx starts the worker, only npx finds the command line", () => {
  expect(run(local).command).toBe("waggle");
  expect(run(local, { npm_lifecycle_event: "npx" }).command).toBe("npx waggle");
});

test("the default models folder is in the cache folder of XDG or of the home folder", () => {
  expect(run(local).modelsFolder).toBe("/home/bee/.cache/waggle/models");
  expect(run(local, { XDG_CACHE_HOME: "/cache" }).modelsFolder).toBe("/cache/waggle/models");
  expect(run(local, { XDG_CACHE_HOME: "/cache" }).gpuFolder).toBe("/cache/waggle/gpu");
  expect(run(local, { XDG_CACHE_HOME: "relative" }).modelsFolder).toBe("/home/bee/.cache/waggle/models");
});

test("the token for Hugging Face comes from the variable, or else from the file of Hugging Face's tools", () => {
  expect(run(local, { HF_TOKEN: "hf_x" }).huggingFaceToken).toBe("hf_x");
  const left = (env: Record<string, string>, files: Record<string, string>) => {
    const readText = (path: string): string => {
      if (files[path] === undefined) throw new Error("no such file");
      return files[path];
    };
    return run(local, env, { ...machine, readText }).huggingFaceToken;
  };
  expect(left({}, {})).toBeUndefined();
  expect(left({}, { "/home/bee/.cache/huggingface/token": "hf_y\n" })).toBe("hf_y");
  expect(left({ HF_HOME: "/hf" }, { "/hf/token": "hf_z" })).toBe("hf_z");
  expect(left({ HF_TOKEN_PATH: "/t" }, { "/t": "hf_t" })).toBe("hf_t");
  expect(left({ HF_TOKEN_PATH: "/t" }, { "/t": "two words" })).toBeUndefined();
});

test("the token for the hive comes from the variable or the file, and no error shows it", () => {
  const files = (text: string) => ({ ...machine, readText: () => text });
  expect(run(local).hiveToken).toBeUndefined();
  expect(run(local, { WAGGLE_HIVE_TOKEN: "open-sesame" }).hiveToken).toBe("open-sesame");
  expect(run([...local, "--hive-token-file", "/t"], {}, files("open-sesame\n")).hiveToken).toBe("open-sesame");
  const messages = [
    refusal(local, { WAGGLE_HIVE_TOKEN: "sesame" }),
    refusal([...local, "--hive-token-file", "/t"], {}, files("sesame")),
    refusal([...local, "--hive-token-file", "/t"], { WAGGLE_HIVE_TOKEN: "open-sesame" }, files("open-sesame")),
  ].join("");
  expect(messages).not.toContain("sesame");
  expect(messages).toContain("Cannot use the variable WAGGLE_HIVE_TOKEN: a token has 8 to 512 characters.");
  expect(messages).toContain("Cannot use --hive-token-file /t: a token has 8 to 512 characters.");
  expect(messages).toContain("only one of them can apply");
});

test("a token for Hugging Face that cannot be sent is refused without being shown; spaces around it are removed", () => {
  expect(run(local, { HF_TOKEN: " hf_x\n" }).huggingFaceToken).toBe("hf_x");
  for (const token of ["hf_one\nhf_two", "hf_one hf_two", "hf_ümlaut", "  "]) {
    expect(refusal(local, { HF_TOKEN: token })).toBe(
      "Cannot use the variable HF_TOKEN: a token has only visible ASCII characters, and no spaces.",
    );
  }
});

function helpOf(flag: "--help" | "--help-all"): string {
  const result = parseConfig([flag], {}, machine);
  expect(result).toMatchObject({ kind: "exit", code: 0 });
  return (result.kind === "exit" && result.stdout) || "";
}

function listedIn(help: string): readonly (typeof settings)[number][] {
  return settings.filter(({ flag }) => new RegExp(`^  (?:--[a-z]+, )?${flag}[ \n]`, "m").test(help));
}

test("--help lists at most 60 settings with short texts, examples and exit codes; --help-all those that are not hidden", () => {
  const help = helpOf("--help");
  const shown = settings.filter(({ row }) => row.hidden !== true);
  expect(listedIn(help)).toEqual(shown.filter(({ row }) => row.advanced !== true));
  expect(listedIn(helpOf("--help-all"))).toEqual(shown);
  expect(listedIn(help).length).toBeLessThanOrEqual(60);
  expect(settings.filter(({ row }) => row.help.length > 80 || row.help.endsWith("."))).toEqual([]);
  for (const code of [0, 64, 69, 70, 75, 130, 143]) expect(help).toMatch(new RegExp(`^ +${code} +\\S`, "m"));
  const examples = /^Examples:\n((?: .*\n)+)\nExit codes:$/m.exec(help)?.[1]?.trimEnd().split("\n") ?? [];
  expect(examples).toHaveLength(5);
  for (const example of examples) expect(example).toMatch(/^ {2}(WAGGLE_\w+=… )?waggle-worker( --|$)/);
  expect(Math.max(...help.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
});

test("--help of waggle serve shows that models need no flag", () => {
  const { stdout: help } = parseConfig(["--help"], {}, { ...machine, program: "waggle serve" }) as { stdout: string };
  expect(help).toMatch(/^Usage: waggle serve \[models\.\.\.\] \[options\]$/m);
  expect(help).toContain("  waggle serve --ollama\n");
});

test("the real machine makes a configuration", () => {
  const result = parseConfig(["--local-mode"], {});
  expect(result).toMatchObject({ kind: "run", config: { version: expect.stringMatching(/^\d+\.\d+\.\d+/) } });
});
