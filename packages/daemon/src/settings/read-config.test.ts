// Tests the reading of settings once for all programs, on a table with a setting of each kind: sources, their order, errors, help, secrets.
import { describe, expect, it } from "vitest";
import { fileOptions } from "./config-file.ts";
import { accessOptions, fleetOptions, frontLimitOptions, listenOptions, logOptions } from "./front-options.ts";
import { baseUrl, withoutCredentials } from "./names.ts";
import { inGroup, setting, variableOf, type OptionRows, type OptionValuesOf } from "./option-row.ts";
import { readConfig, type ConfigOf, type ConfigResult, type Machine } from "./read-config.ts";
import { boolean, text } from "./values.ts";

const table = {
  ...fileOptions,
  ...accessOptions,
  ...logOptions,
  host: listenOptions.host,
  port: { ...listenOptions.port, default: "7000" },
  folder: fleetOptions.natsCreds,
  stallMs: frontLimitOptions.readerStallTimeoutMs,
  bodyBytes: frontLimitOptions.maxBodyBytes,
  ...inGroup("Engine", {
    guesses: setting("--guesses <bool>", boolean(), { help: "h", default: "on" }),
    hubUrl: setting("--hub-url <url>", baseUrl(), { help: "h", sharedVariable: "HUB" }),
    crashAt: setting("--crash-at <n>", text(1, 9), { help: "h", hidden: true }),
  }),
} as const satisfies OptionRows;

type Values = OptionValuesOf<typeof table>;

interface Given {
  readonly env?: Record<string, string>;
  /** Contents of files, by path; a settings file must be named by a flag or a variable. */
  readonly files?: Record<string, string>;
  readonly on?: Partial<Machine>;
}

function read(argv: readonly string[], { env = {}, files = {}, on = {} }: Given = {}): ConfigResult<ConfigOf<Values>> {
  const machine = {
    ...{ hostname: "bee 7.lan", homeFolder: "/home/bee", pid: 42, version: "1.2.3", program: "waggle serve" },
    ...{ stdoutIsTerminal: false, stderrIsTerminal: false },
    readText: (path: string) => files[path] ?? expect.fail(`no such file ${path}`),
    ...on,
  };
  return readConfig(argv, env, machine, {
    ...{ kind: "worker", table, tokenVariables: ["FIRST_TOKEN", "WAGGLE_API_TOKEN"], shown: withoutCredentials },
    help: () => ({
      ...{ description: "A program.", example: table.port, examples: ["waggle serve --port 1"], exitCodes: ["ok"] },
      foreignFlags: { "-hf": "Name the model without a flag." },
    }),
    complete: ({ values, defaultId, finish }) => ({ ...values, ...finish(defaultId) }),
  });
}

function run(argv: readonly string[], given?: Given): ConfigOf<Values> {
  const result = read(argv, given);
  if (result.kind === "exit") throw new Error(result.stderr ?? result.stdout);
  return result.config;
}

function problems(argv: readonly string[], given?: Given): readonly string[] {
  const result = read(argv, given);
  if (result.kind === "run") throw new Error("was accepted");
  expect(result).toMatchObject({
    code: 64,
    stderr: expect.stringMatching(/^waggle: [^]*\(waggle serve --help says more\.\)\n$/),
  });
  return result.problems ?? [];
}

/** For each kind of setting: the default, two texts with their values, and a refused text with the reason. */
const kinds: readonly (readonly [keyof Values, unknown, [string, unknown], [string, unknown], string, string])[] = [
  ["stallMs", 30_000, ["50ms", 50], ["1.5", 1_500], "2h", "a duration from 50ms to 1h (500ms, 30s, 2m)"],
  ["bodyBytes", 4_194_304, ["1KiB", 1_024], ["2048", 2_048], "1023", "a size from 1KiB to 1GiB (65536, 64KiB, 4MiB)"],
  ["port", 7_000, ["0", 0], ["65535", 65_535], "65536", "a whole number from 0 to 65535"],
  ["guesses", true, ["off", false], ["1", true], "perhaps", "true or false"],
  ["allowedHosts", [], ["A.lan,[::1]", ["a.lan", "[::1]"]], ["b", ["b"]], "b:8", "a list of host names without ports"],
  ["folder", undefined, ["/a", "/a"], ["b c", "b c"], "x".repeat(4_097), "1 to 4096 characters"],
  ["logFormat", "json", ["pretty", "pretty"], ["json", "json"], "xml", "one of pretty, json"],
];
const local = ["--local-mode"];
const inFile = [...local, "--config", "/w.yaml"];

describe.each(kinds)("the setting %s", (key, byDefault, [first, one], [second, two], refused, reason) => {
  const { flag } = table[key];
  const variable = variableOf(table[key]);
  const file = (value: string) => ({ files: { "/w.yaml": `# settings\n${flag}: ${JSON.stringify(value)}` } });

  it("comes from the flag, else from the variable, else from the file, else from the default", () => {
    expect(run(local)[key]).toEqual(byDefault);
    expect(run(inFile, file(first))[key]).toEqual(one);
    expect(run(inFile, { ...file(first), env: { [variable]: second } })[key]).toEqual(two);
    expect(run([...inFile, `--${flag}`, first], { ...file(second), env: { [variable]: second } })[key]).toEqual(one);
    expect(run(inFile, { ...file(first), env: { [variable]: "" } })[key], "an empty variable").toEqual(one);
  });

  it("is refused with its flag and source", () => {
    const start = `Cannot use --${flag} "${refused.slice(0, 80)}"`;
    const end = `: it must be ${reason}.`;
    expect(problems([...local, `--${flag}`, refused])).toEqual([start + end]);
    expect(problems(local, { env: { [variable]: refused } })).toEqual([
      `${start} (from the variable ${variable})${end}`,
    ]);
    expect(problems(inFile, file(refused))).toEqual([`${start} (from /w.yaml, line 2)${end}`]);
  });
});

describe("sources", () => {
  it("include a file that a variable names, and a variable of other programs, which counts last", () => {
    const env = { WAGGLE_CONFIG: "/w.yaml", HUB: "http://shared" };
    expect(run(local, { env, files: { "/w.yaml": "port: 1" } })).toMatchObject({ port: 1, hubUrl: "http://shared" });
    expect(run(local, { env, files: { "/w.yaml": "hub-url: http://file" } }).hubUrl).toBe("http://file");
    expect(problems(local, { env: { HUB: "x" } })[0]).toMatch(/^Cannot use --hub-url "x" \(from the variable HUB\)/);
  });

  it("may repeat a list; otherwise the last value counts; a flag turns a switch on that its variable turns off", () => {
    const argv = "--local-mode --allowed-host a --allowed-host b --port 1 --port 2 --open-metrics".split(" ");
    const config = run(argv, { env: { WAGGLE_OPEN_METRICS: "0", WAGGLE_LOCAL_MODE: "no" } });
    expect(config).toMatchObject({ allowedHosts: ["a", "b"], port: 2, openMetrics: true });
  });

  it("are reported with all their mistakes at once", () => {
    const files = { "/w.yaml": "prot: 1\nmax-body: 1\nconfig: x\n", "/t": "alice:short" };
    const env = { WAGGLE_READER_STALL_TIMEOUT: "soon" };
    expect(problems([...inFile, "--port", "x", "--api-token-file", "/t"], { env, files })).toEqual([
      'Cannot use --config /w.yaml: line 1: unknown setting "prot".',
      "Cannot use --config /w.yaml: line 3: config cannot be set in the file itself.",
      expect.stringContaining('--port "x": '),
      expect.stringContaining('--reader-stall-timeout "soon" (from the variable WAGGLE_READER_STALL_TIMEOUT): '),
      expect.stringContaining('--max-body "1" (from /w.yaml, line 2): '),
      "Cannot use --api-token-file /t: line 1: a token has 8 to 512 characters.",
    ]);
  });
});

it.each([
  [["--prot", "1"], "Unknown option '--prot'. Did you mean --port?"],
  [["--reader-stall-timeuot", "1"], "Unknown option '--reader-stall-timeuot'. Did you mean --reader-stall-timeout?"],
  [["-hf", "a/b"], "Unknown option '-hf'. Name the model without a flag."],
  [["--port"], "The option --port <n> needs a value"],
  [["model.gguf"], "Too many arguments"],
  [["--api-token", "sesame-on-argv"], "Unknown option '--api-token'"],
])("the arguments %j are refused", (argv, message) => {
  expect(problems(argv).join()).toContain(message);
  expect(problems(argv).join()).not.toContain("sesame");
});

describe("access", () => {
  const token = { FIRST_TOKEN: "", WAGGLE_API_TOKEN: "01:3456789 admin running-jobs=9" };

  it("takes tokens from the first variable that is set and from the file, with their rights", () => {
    expect(run([])).toMatchObject({ localMode: true, apiTokens: [], apiTokenVariable: undefined });
    const config = run(["--api-token-file", "/t"], { env: token, files: { "/t": "alice:alice-secret\n" } });
    expect(config).toMatchObject({
      ...{ localMode: false, apiTokenVariable: "WAGGLE_API_TOKEN" },
      apiTokens: [
        { name: "default", token: "01:3456789", admin: true, quota: { runningJobs: 9 } },
        { name: "alice", token: "alice-secret", admin: false },
      ],
    });
    const both = run([], { env: { ...token, FIRST_TOKEN: "another-secret" } });
    expect(both.apiTokens).toMatchObject([{ token: "another-secret", admin: false }]);
  });

  it.each<[readonly string[], Given, string]>([
    [["--host", "0.0.0.0"], {}, "Cannot use --host 0.0.0.0 without a token"],
    [local, { env: token }, "Cannot use --local-mode with an API token (WAGGLE_API_TOKEN)"],
    [[], { env: { FIRST_TOKEN: "sesame" } }, "Cannot use the variable FIRST_TOKEN: a token has 8 to 512 characters."],
    [["--api-token-file", "/t"], {}, "Cannot use --api-token-file /t: no such file /t."],
    [["--api-token-file", "/t"], { env: token, files: { "/t": "default:open-sesame" } }, 'or its name "default"'],
    [local, { env: { WAGGLE_HUB_URL: "http://bee:sesame@hub" } }, 'Cannot use --hub-url "http://hub"'],
  ])("%j is refused with %j, and no secret is shown", (argv, given, message) => {
    const found = problems(argv, given).join("\n");
    expect(found).toContain(message);
    expect(found).not.toMatch(/sesame|3456789/);
  });
});

it("names a daemon after host and port, or the process if the port is not known, and finds its state folder", () => {
  const env = { XDG_STATE_HOME: "relative" };
  expect(run(local, { env })).toMatchObject({
    ...{ instance: "worker-bee-7.lan-7000", stateFolder: "/home/bee/.local/state/waggle", logFormat: "json" },
  });
  expect(run([...local, "--port", "0"]).instance).toBe("worker-bee-7.lan-p42");
  const on = { hostname: "蜂".repeat(90), stderrIsTerminal: true };
  expect(run(local, { env: { XDG_STATE_HOME: "/s" }, on })).toMatchObject({
    ...{ instance: "worker---7000", stateFolder: "/s/waggle", logFormat: "pretty" },
  });
});

describe("help", () => {
  const printed = (...argv: string[]): string => {
    const result = read(argv, { env: { WAGGLE_PORT: "x" } });
    expect(result).toMatchObject({ kind: "exit", code: 0 });
    return (result.kind === "exit" && result.stdout) || "";
  };

  it("lists the settings in groups, with defaults; the advanced ones in --help-all only, hidden ones never", () => {
    const [help, all] = [printed("--help"), printed("--nonsense", "--help-all")];
    for (const text of [help, all]) {
      expect(text).toMatch(/^Network:\n.*\n {2}--port <n> .*\(default: 7000\)$/m);
      expect(text).toMatch(/^ {2}--open-metrics +[^(\n]*$/m);
      expect(text).toMatch(/^Examples:\n {2}waggle serve --port 1\n\nExit codes:\n +0 +\S/m);
      expect(text).not.toContain("--crash-at");
    }
    expect(help).toMatch(/^ {2}--help-all +/m);
    expect([help, all].map((text) => text.includes("  --reader-stall-timeout <duration>"))).toEqual([false, true]);
  });

  it("and the version are printed even with invalid settings", () => {
    expect(printed("--version", "--port", "y")).toBe("waggle serve 1.2.3\n");
  });
});
