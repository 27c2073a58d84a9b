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
  hostname: "hive 7.example.org",
  cores: 8,
  pid: 4_242,
  homeFolder: "/home/bee",
  stdoutIsTerminal: false,
  stderrIsTerminal: false,
  version: "1.2.3",
  program: "waggle-worker",
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

/** For each setting: two valid texts, their values, and an invalid text. */
const samples: { readonly [K in OptionKey]: readonly [string, unknown, string, unknown, string] } = {
  configFile: ["/a.yaml", "/a.yaml", "b.yaml", "b.yaml", "x".repeat(5_000)],
  models: [
    "./a.gguf",
    [{ name: undefined, reference: "./a.gguf" }],
    "a=./a=b.gguf\nhf:u/r:Q8_0",
    [
      { name: "a", reference: "./a=b.gguf" },
      { name: undefined, reference: "hf:u/r:Q8_0" },
    ],
    "x".repeat(5_000),
  ],
  defaultModel: ["a", "a", "b c", "b c", "x".repeat(257)],
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
  chatTitles: ["true", true, "false", false, "perhaps"],
  keepAliveMs: ["5m", 300_000, "-1", Infinity, "soon"],
  memoryBudgetBytes: ["8GiB", 8 * 2 ** 30, "0", 0, "much"],
  maxLoadedModels: ["1", 1, "64", 64, "0"],
  modelRef: ["a b/c", "a b/c", "ü", "ü", "x".repeat(257)],
  modelsFolder: ["/a", "/a", "/b", "/b", "x".repeat(5_000)],
  gpuFolder: ["/a", "/a", "/b", "/b", "x".repeat(5_000)],
  offline: ["true", true, "false", false, "perhaps"],
  chatTemplate: ["chatml", "chatml", "generic", "generic", "x".repeat(5_000)],
  defaultMaxTokens: ["1", 1, "4096", 4_096, "0"],
  defaultRepetitionLimit: ["2", 2, "1024", 1_024, "1"],
  backend: ["llama", "llama", "fake", "fake", "vllm"],
  device: ["cpu", "cpu", "cuda", "cuda", "tpu"],
  slots: ["1", 1, "64", 64, "65"],
  contextSize: ["16", 16, "512", 512, "15"],
  contextPool: ["16", 16, "65536", 65_536, "15"],
  cacheForm: ["reserved", "reserved", "separate", "separate", "paged"],
  threads: ["1", 1, "512", 512, "0"],
  batchSize: ["16", 16, "8192", 8_192, "15"],
  cacheTypeK: ["q8_0", "q8_0", "iq4_nl", "iq4_nl", "q6_k"],
  cacheTypeV: ["f32", "f32", "q4_1", "q4_1", "Q8"],
  flashAttention: ["on", "on", "off", "off", "true"],
  gpuLayers: ["all", "all", "0", 0, "-1"],
  mmap: ["false", false, "on", true, "perhaps"],
  mlock: ["true", true, "false", false, "perhaps"],
  lora: [
    "/a.gguf,/b=c.gguf=-0.5",
    [
      { path: "/a.gguf", scale: 1 },
      { path: "/b=c.gguf", scale: -0.5 },
    ],
    "/a.gguf=0",
    [{ path: "/a.gguf", scale: 0 }],
    "/a.gguf=2000",
  ],
  mmproj: ["none", "none", "/a.gguf", "/a.gguf", "x".repeat(5_000)],
  maxPicturePixels: ["4096", 4_096, "100000000", 100_000_000, "4k"],
  ropeScaling: ["yarn", "yarn", "none", "none", "longrope"],
  ropeFreqBase: ["10000", 10_000, "1e6", 1_000_000, "0.5"],
  ropeFreqScale: ["0.25", 0.25, "1", 1, "2"],
  yarnOrigCtx: ["512", 512, "32768", 32_768, "8"],
  prefillBudget: ["1", 1, "8192", 8_192, "0"],
  maxTokenGapMs: ["250", 250, "none", "none", "0"],
  guesses: ["off", false, "on", true, "perhaps"],
  prefixStoreBytes: ["0", 0, "2GiB", 2_147_483_648, "2TiB"],
  prefixStoreDir: ["/a", "/a", "/b", "/b", "x".repeat(5_000)],
  host: ["127.0.0.1", "127.0.0.1", "localhost", "localhost", "1.2.3.4:80"],
  port: ["0", 0, "65535", 65_535, "65536"],
  ollama: ["true", true, "false", false, "perhaps"],
  ollamaPort: ["0", 0, "65535", 65_535, "65536"],
  advertiseUrl: ["http://a:1", "http://a:1", "https://b/x/", "https://b/x", "ftp://a"],
  localMode: ["true", true, "true", true, "2"],
  apiTokenFile: ["/a", "/a", "/b", "/b", "x".repeat(5_000)],
  allowedHosts: ["A.example.org", ["a.example.org"], "a,[::1]", ["a", "[::1]"], "a:80"],
  allowedMediaHosts: ["A.example.org", ["a.example.org"], "a,b", ["a", "b"], "https://a"],
  allowedOrigins: ["https://a", ["https://a"], "http://a:1,https://b", ["http://a:1", "https://b"], "*"],
  openMetrics: ["true", true, "false", false, "perhaps"],
  hiveUrl: ["http://hive:7700", "http://hive:7700", "http://hive/", "http://hive", "hive:7700"],
  hiveTokenFile: ["/a.token", "/a.token", "/b.token", "/b.token", "x".repeat(5_000)],
  workerId: ["w-1", "w-1", "a.b:c_d", "a.b:c_d", "a b"],
  heartbeatIntervalMs: ["50ms", 50, "2m", 120_000, "49ms"],
  mcpConfig: ["/a", "/a", "/b", "/b", "x".repeat(5_000)],
  mcpJournalDir: ["/a", "/a", "/b", "/b", "x".repeat(5_000)],
  mcpSteps: ["1", 1, "100", 100, "0"],
  mcpCallTimeoutMs: ["50ms", 50, "2m", 120_000, "2h"],
  mcpTurnTimeoutMs: ["100ms", 100, "1h", 3_600_000, "soon"],
  natsUrl: ["nats://a:4222", "nats://a:4222", "tls://b", "tls://b", "x".repeat(3_000)],
  natsCreds: ["/a", "/a", "/b", "/b", "x".repeat(5_000)],
  natsInsecure: ["true", true, "false", false, "perhaps"],
  historyBytes: ["0", 0, "1MiB", 1_048_576, "-1"],
  logLevel: ["trace", "trace", "silent", "silent", "loud"],
  logFormat: ["json", "json", "pretty", "pretty", "xml"],
  queueCapacity: ["1", 1, "4096", 4_096, "4097"],
  clientQueueShare: ["0.25", 0.25, "1", 1, "0"],
  drainTimeoutMs: ["0", 0, "1.5", 1_500, "25h"],
  loadTimeoutMs: ["100ms", 100, "1h", 3_600_000, "99ms"],
  watchdogTimeoutMs: ["50ms", 50, "30", 30_000, "-1"],
  crashLoopDeaths: ["1", 1, "100", 100, "0"],
  supersedeTimeoutMs: ["0s", 0, "1m", 60_000, "2 s"],
  unclaimedTimeoutMs: ["50ms", 50, "1h", 3_600_000, "soon"],
  reconnectGraceMs: ["0", 0, "250ms", 250, "1d"],
  retryGraceMs: ["0", 0, "10s", 10_000, "2h"],
  replayWindowMs: ["0", 0, "60", 60_000, "25h"],
  replayBufferBytes: ["1024", 1_024, "64KiB", 65_536, "1023"],
  answerWindowMs: ["0", 0, "1h", 3_600_000, "25h"],
  endedJobsKept: ["1", 1, "10", 10, "0"],
  readerStallTimeoutMs: ["50ms", 50, "5s", 5_000, "0"],
  pingIntervalMs: ["50ms", 50, "15s", 15_000, "0"],
  maxBodyBytes: ["1KiB", 1_024, "20MiB", 20_971_520, "1.5MiB"],
  maxBodiesBytes: ["4MiB", 4_194_304, "1GiB", 1_073_741_824, "64MB"],
  maxPictureBytes: ["1KiB", 1_024, "32MiB", 33_554_432, "33MiB"],
  maxPictures: ["0", 0, "1024", 1_024, "1025"],
  maxPicturesBytes: ["1KiB", 1_024, "512MiB", 536_870_912, "0"],
  picturesTotalBytes: ["64MiB", 67_108_864, "1GiB", 1_073_741_824, "2GB"],
  requestTimeoutMs: ["50ms", 50, "5s", 5_000, "5 minutes"],
  maxConnections: ["1", 1, "65536", 65_536, "0"],
  maxStreamsPerClient: ["1", 1, "65536", 65_536, "1e3"],
  fakeStepDelayMs: ["5", 5, "1s", 1_000, "x"],
  fakeLoadDelayMs: ["0", 0, "250ms", 250, "x"],
  fakeFailLoad: ["out of honey", "out of honey", "b", "b", "x".repeat(2_000)],
  fakeCrashAtStep: ["0", 0, "7", 7, "-1"],
  fakeHangAtStep: ["0", 0, "7", 7, "x"],
};

const fakeFields = {
  fakeStepDelayMs: "stepDelayMs",
  fakeLoadDelayMs: "loadDelayMs",
  fakeFailLoad: "failLoad",
  fakeCrashAtStep: "crashAtStep",
  fakeHangAtStep: "hangAtStep",
} as const;

function valueOf(config: WorkerConfig, key: OptionKey): unknown {
  if (key in fakeFields) return config.fake[fakeFields[key as keyof typeof fakeFields]];
  if (key === "models") return config.models.map(({ name, reference }) => ({ name, reference }));
  return isModelSetting(key) ? config.modelSettings[key] : config[key as keyof WorkerConfig];
}

/** Other flags that the setting requires. */
function company(key: OptionKey): readonly string[] {
  if (key === "localMode" || key === "apiTokenFile") return [];
  if (key === "natsCreds" || key === "natsInsecure") return [...local, "--nats-url", "nats://a"];
  return key.startsWith("fake") ? [...local, "--backend", "fake"] : local;
}

function asFlag(row: OptionRow, text: string): string[] {
  if (row.value !== undefined) return [`--${row.flag}`, text];
  return text === "true" ? [`--${row.flag}`] : [];
}

const settings = optionRows.map(([key, row]) => ({ key, row, flag: `--${row.flag}`, variable: variableOf(row) }));

test.each(settings)("$flag is a flag", ({ key, row }) => {
  const [first, firstValue, second, secondValue] = samples[key];
  expect(valueOf(run([...company(key), ...asFlag(row, first)]), key)).toEqual(firstValue);
  expect(valueOf(run([...company(key), ...asFlag(row, second)]), key)).toEqual(secondValue);
});

test.each(settings)("$variable sets the same value as $flag", ({ key, variable }) => {
  const [first, firstValue, second, secondValue] = samples[key];
  expect(valueOf(run(company(key), { [variable]: first }), key)).toEqual(firstValue);
  expect(valueOf(run(company(key), { [variable]: second }), key)).toEqual(secondValue);
});

test.each(settings)(
  "the error for a bad value of $variable names the variable and $flag",
  ({ key, flag, variable }) => {
    const start = new RegExp(`^Cannot use ${flag} ".*" \\(from the variable ${variable}\\): `);
    expect(refusal(company(key), { [variable]: samples[key][4] })).toMatch(start);
  },
);

const valued = settings.filter(({ row }) => row.value !== undefined);

test.each(valued)("$flag wins over $variable", ({ key, row, variable }) => {
  const [first, , second, value] = samples[key];
  expect(valueOf(run([...company(key), ...asFlag(row, second)], { [variable]: first }), key)).toEqual(value);
});

test.each(valued)("a bad value of $flag is refused by name", ({ key, row, flag, variable }) => {
  const message = refusal([...company(key), ...asFlag(row, samples[key][4])]);
  expect(message).toMatch(new RegExp(`^Cannot use ${flag} "`));
  expect(message).not.toContain(variable);
});

/** A machine with this settings file. */
function withFile(text: string): WorkerMachine {
  return { ...machine, readText: (path) => (path === "/w.yaml" ? text : machine.readText(path)) };
}

/** A line of a settings file, as a user would write it. */
function asYaml(row: OptionRow, text: string): string {
  const items = row.repeatable === undefined ? undefined : text.split(row.repeatable);
  const value = row.value === undefined || /^\d+$/.test(text) ? text : JSON.stringify(text);
  return `# settings\n${row.flag}: ${items === undefined ? value : JSON.stringify(items)}\n`;
}

const fileArgv = ["--config", "/w.yaml"];
const inFile = settings.filter(({ key }) => key !== "configFile");

test.each(inFile)("$flag is in the settings file, and its variable wins over it", ({ key, row, variable }) => {
  const [first, firstValue, second, secondValue] = samples[key];
  const file = withFile(asYaml(row, first));
  expect(valueOf(run([...company(key), ...fileArgv], {}, file), key)).toEqual(firstValue);
  expect(valueOf(run([...company(key), ...fileArgv], { [variable]: second }, file), key)).toEqual(secondValue);
});

test.each(inFile.filter(({ row }) => row.value !== undefined))(
  "a bad value of $flag in the settings file is refused with its line",
  ({ key, row, flag }) => {
    const message = refusal([...company(key), ...fileArgv], {}, withFile(asYaml(row, samples[key][4])));
    expect(message).toMatch(new RegExp(`^Cannot use ${flag} ".*" \\(from /w.yaml, line 2\\): `));
  },
);

test("a flag wins over the settings file, and a variable may name the file", () => {
  const file = withFile("slots: 3\nport: 7000\nlocal-mode: true");
  expect(run(["--slots", "5"], { WAGGLE_CONFIG: "/w.yaml" }, file)).toMatchObject({ port: 7_000, localMode: true });
  expect(run([...fileArgv, "--slots", "5"], {}, file).modelSettings.slots).toBe(5);
});

test("a switch that a variable turns off is turned on by its flag", () => {
  expect(run([...local, "--offline"], { WAGGLE_OFFLINE: "0", WAGGLE_LOCAL_MODE: "no" }).offline).toBe(true);
});

test("every default is a valid value of its setting", () => {
  expect(run(local)).toMatchObject({
    modelSettings: {
      slots: 8,
      device: "auto",
      prefillBudget: undefined,
      maxTokenGapMs: undefined,
      guesses: true,
      chatTemplate: undefined,
      contextSize: undefined,
    },
    port: 7_711,
    host: "127.0.0.1",
    prefixStoreBytes: 1_073_741_824,
    prefixStoreDir: undefined,
    queueCapacity: 64,
    heartbeatIntervalMs: 5_000,
    drainTimeoutMs: 30_000,
    pingIntervalMs: 15_000,
    reconnectGraceMs: 5_000,
    unclaimedTimeoutMs: 30_000,
    replayWindowMs: 60_000,
    answerWindowMs: 1_800_000,
    supersedeTimeoutMs: 2_000,
    watchdogTimeoutMs: 30_000,
    crashLoopDeaths: 6,
    maxBodyBytes: 4_194_304,
    backend: "llama",
    offline: false,
    defaultMaxTokens: undefined,
    defaultRepetitionLimit: undefined,
    models: [],
    servesFolder: false,
    hasLastingId: true,
    maxLoadedModels: 4,
    hiveUrl: undefined,
    version: "1.2.3",
  });
});

test("several problems are reported at once", () => {
  const message = refusal(["--slots", "0", "--port", "x"], { WAGGLE_THREADS: "many" });
  expect(message.match(/^Cannot use/gm)).toHaveLength(3);
});

test("an empty variable counts as not set", () => {
  expect(run(local, { WAGGLE_SLOTS: "", WAGGLE_API_TOKEN: "" }).modelSettings.slots).toBe(8);
});

test("a repeatable flag gives a list; otherwise the last value counts", () => {
  const config = run([...local, "--allowed-host", "a", "--allowed-host", "b", "--slots", "1", "--slots", "2"]);
  expect(config.allowedHosts).toEqual(["a", "b"]);
  expect(config.modelSettings.slots).toBe(2);
});

test.each([
  [["--slotz", "3"], "--slotz"],
  [["--slots"], "--slots"],
  [["model.gguf"], "Too many arguments"],
  [["--api-token", "secret-on-argv"], "--api-token"],
])("%j is refused", (argv, named) => {
  const message = refusal([...local, ...argv]);
  expect(message).toContain(named);
  expect(message).not.toContain("secret-on-argv");
});

test("a password in a URL is refused and not repeated", () => {
  const message = refusal(local, { WAGGLE_HIVE_URL: "http://bee:s3cret@hive:7700" });
  expect(message).toContain("WAGGLE_HIVE_URL");
  expect(message).not.toContain("s3cret");
});

test("without a token the worker is in local mode; serving other machines needs a token", () => {
  expect(run([])).toMatchObject({ localMode: true, host: "127.0.0.1" });
  expect(run([], { WAGGLE_API_TOKEN: "0123456789" }).localMode).toBe(false);
  for (const host of ["0.0.0.0", "192.168.0.7"]) {
    const message = refusal(["--host", host]);
    for (const words of [`--host ${host} without a token`, "WAGGLE_API_TOKEN", "--api-token-file"])
      expect(message).toContain(words);
  }
});

test("local mode with a token is an error that names the source of the token", () => {
  expect(refusal(local, { WAGGLE_API_TOKEN: "0123456789" })).toMatch(
    /--local-mode with an API token \(WAGGLE_API_TOKEN\)/,
  );
  expect(refusal([...local, "--api-token-file", "/t"])).toMatch(/--local-mode with an API token \(--api-token-file\)/);
  expect(refusal(local, { WAGGLE_API_TOKEN: "0123456789" })).not.toContain("0123456789");
});

test("local mode accepts only loopback addresses", () => {
  for (const host of ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
    expect(run([...local, "--host", host]).localMode).toBe(true);
  for (const host of ["0.0.0.0", "::", "192.168.0.7", "localhost.example.org", "127.example.org"]) {
    expect(refusal([...local, "--host", host])).toContain(`--local-mode with --host ${host}`);
  }
});

test("a wildcard address is not advertised to a hive", () => {
  const argv = ["--host", "0.0.0.0", "--hive-url", "http://hive:7700"];
  expect(refusal(argv, { WAGGLE_API_TOKEN: "0123456789" })).toContain("--advertise-url");
  expect(run([...argv, "--advertise-url", "http://w:7711"], { WAGGLE_API_TOKEN: "0123456789" }).host).toBe("0.0.0.0");
});

test("settings of the fake backend need the fake backend", () => {
  expect(refusal([...local, "--fake-hang-at-step", "3"])).toContain("--fake-hang-at-step without --backend fake");
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

test("a token from the variable is a client named default", () => {
  const config = run([], { WAGGLE_API_TOKEN: "0123456789" });
  expect(config.apiTokens).toMatchObject([{ name: "default", token: "0123456789", admin: false }]);
  expect(config.clientQueueShare).toBe(1);
});

test("tokens of the file and of the variable are clients that share the queue", () => {
  const config = run(["--api-token-file", "/t"], { WAGGLE_API_TOKEN: "0123456789" });
  expect(config.apiTokens.map(({ name }) => name)).toEqual(["default", "alice", "bob"]);
  expect(config.clientQueueShare).toBe(0.5);
  expect(readTokens(config, () => "carol:carol-secret").map(({ name }) => name)).toEqual(["default", "carol"]);
});

test("a token is followed by its rights, in the file and in the variable", () => {
  const read = { ...machine, readText: () => "alice:alice-secret running-jobs=2\nroot:root-secret admin\n" };
  const { apiTokens } = run(
    ["--api-token-file", "/t"],
    { WAGGLE_API_TOKEN: "01:3456789 admin tokens-per-minute=9" },
    read,
  );
  expect(apiTokens).toMatchObject([
    { name: "default", token: "01:3456789", admin: true, quota: { tokensPerMinute: 9 } },
    { name: "alice", token: "alice-secret", admin: false, quota: { runningJobs: 2 } },
    { name: "root", token: "root-secret", admin: true },
  ]);
});

test.each(["short", "with space", "umläut-token"])("the token %j is refused without being shown", (token) => {
  const message = refusal([], { WAGGLE_API_TOKEN: token });
  expect(message).toContain("WAGGLE_API_TOKEN");
  expect(message).not.toContain(token);
});

test("the error names a token file that cannot be read or parsed, and the line", () => {
  const gone = {
    ...machine,
    readText: () => {
      throw new Error("no such file");
    },
  };
  expect(refusal(["--api-token-file", "/t"], {}, gone)).toBe("Cannot use --api-token-file /t: no such file.");
  const bad = { ...machine, readText: () => "alice:alice-secret\nbob:x\n" };
  expect(refusal(["--api-token-file", "/t"], {}, bad)).toContain("/t: line 2: a token has 8 to 512 characters");
  const clash = { ...machine, readText: () => "default:another-secret" };
  expect(refusal(["--api-token-file", "/t"], { WAGGLE_API_TOKEN: "0123456789" }, clash)).toContain("default");
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

test("a worker's default name has its host and port, or its process id if the port is not known", () => {
  expect(run(local).workerId).toBe("worker-hive-7.example.org-7711");
  expect(run([...local, "--port", "0"])).toMatchObject({
    workerId: "worker-hive-7.example.org-p4242",
    hasLastingId: false,
  });
  expect(run([...local, "--port", "0", "--worker-id", "one"]).hasLastingId).toBe(true);
  expect(run(local, {}, { ...machine, hostname: "蜂".repeat(90) }).workerId).toBe("worker---7711");
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

test("logs are pretty on a terminal and JSON elsewhere", () => {
  expect(run(local).logFormat).toBe("json");
  expect(run(local, {}, { ...machine, stderrIsTerminal: true }).logFormat).toBe("pretty");
});

function helpOf(flag: "--help" | "--help-all"): string {
  const result = parseConfig([flag], {}, machine);
  expect(result).toMatchObject({ kind: "exit", code: 0 });
  return (result.kind === "exit" && result.stdout) || "";
}

function listedIn(help: string): readonly (typeof settings)[number][] {
  return settings.filter(({ flag }) => new RegExp(`^  (?:--[a-z]+, )?${flag}[ \n]`, "m").test(help));
}

test("--help lists at most 60 settings, in groups, with defaults, examples and exit codes", () => {
  const help = helpOf("--help");
  expect(listedIn(help)).toEqual(settings.filter(({ row }) => row.hidden !== true && row.advanced !== true));
  expect(listedIn(help).length).toBeLessThanOrEqual(60);
  expect(help).toMatch(/^  --help-all +/m);
  expect(help).toMatch(/--slots <n> .*\(default: 8\)/);
  expect(help).toMatch(/^Limits:$/m);
  for (const code of [0, 64, 69, 70, 75, 130, 143]) expect(help).toMatch(new RegExp(`^ +${code} +\\S`, "m"));
  expect(help).toContain("  waggle-worker --ollama\n");
  const examples = /^Examples:\n((?: .*\n)+)\nExit codes:$/m.exec(help)?.[1]?.trimEnd().split("\n") ?? [];
  expect(examples).toHaveLength(5);
  for (const example of examples) expect(example).toMatch(/^ {2}(WAGGLE_\w+=… )?waggle-worker( --|$)/);
  expect(Math.max(...help.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
});

test("--help-all lists every setting that is not hidden", () => {
  const help = helpOf("--help-all");
  expect(listedIn(help)).toEqual(settings.filter(({ row }) => row.hidden !== true));
  expect(help).not.toContain("--fake-");
  expect(help).toMatch(/--supersede-timeout <duration> .*\(default: 2s\)/);
});

test.each(settings)("the help of $flag is short", ({ row }) => {
  expect(row.help.length).toBeLessThanOrEqual(80);
  expect(row.help).not.toMatch(/\.$/);
});

test("--help of waggle serve shows that models need no flag", () => {
  const { stdout: help } = parseConfig(["--help"], {}, { ...machine, program: "waggle serve" }) as { stdout: string };
  expect(help).toMatch(/^Usage: waggle serve \[models\.\.\.\] \[options\]$/m);
  expect(help).toContain("  waggle serve --ollama\n");
});

test("--version prints the version, even with invalid settings", () => {
  const result = parseConfig(["--version", "--slots", "0"], { WAGGLE_PORT: "x" }, machine);
  expect(result).toEqual({ kind: "exit", code: 0, stdout: "waggle-worker 1.2.3\n" });
});

test("the real machine makes a configuration", () => {
  const result = parseConfig(["--local-mode"], {});
  expect(result).toMatchObject({ kind: "run", config: { version: expect.stringMatching(/^\d+\.\d+\.\d+/) } });
});
