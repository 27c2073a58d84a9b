import type { Machine } from "@waggle/daemon";
import { describe, expect, it } from "vitest";
import { parseConfig, type HiveConfig } from "./config.ts";

const machine: Machine = {
  hostname: "box",
  homeFolder: "/home/bee",
  pid: 42,
  stdoutIsTerminal: false,
  stderrIsTerminal: false,
  version: "1.2.3",
  program: "waggle-hive",
  readText(path) {
    if (path === "/h.yaml") return "port: 7000\nheartbeats-kept: 5\nallowed-host: [hive.lan]\n";
    if (path === "/tokens") return "alice:alice-secret monitor\n";
    throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
  },
};
const token = { WAGGLE_HIVE_TOKEN: "open-sesame" };

function run(argv: readonly string[], env: Record<string, string> = {}, on = machine): HiveConfig {
  const result = parseConfig(argv, env, on);
  if (result.kind === "exit") throw new Error(result.stderr ?? result.stdout);
  return result.config;
}

function problems(argv: readonly string[], env: Record<string, string> = {}): string {
  const result = parseConfig(argv, env, machine);
  if (result.kind === "run") throw new Error("Accepted");
  expect(result).toMatchObject({ code: 64, stderr: expect.stringMatching(/^waggle-hive: .*says more\.\)\n$/s) });
  return result.problems?.join("\n") ?? "";
}

describe("parseConfig", () => {
  it("has defaults for everything", () => {
    expect(run([])).toEqual({
      service: "waggle-hive",
      program: "waggle-hive",
      stateFolder: "/home/bee/.local/state/waggle",
      instance: "hive-box-7700",
      historyBytes: 0,
      version: "1.2.3",
      screen: undefined,
      traces: { settings: undefined, warnings: [] },
      port: 7700,
      host: "127.0.0.1",
      localMode: true,
      logLevel: "info",
      logFormat: "json",
      quietLog: false,
      heartbeatsKept: 1000,
      natsInsecure: false,
      faults: false,
      allowedHosts: [],
      allowedOrigins: [],
      apiTokens: [],
      apiTokenRights: { admin: true, monitor: true },
    });
  });

  it("logs pretty lines only on a terminal", () => {
    expect(run([], {}, { ...machine, stderrIsTerminal: true }).logFormat).toBe("pretty");
    expect(run(["--log-format", "pretty"]).logFormat).toBe("pretty");
  });

  it("reads the path of the endpoints file", () => {
    expect(run(["--endpoints-file", "/e/endpoints.yaml"]).endpointsFile).toBe("/e/endpoints.yaml");
  });

  it("reads the settings of a fleet", () => {
    const flags = ["--nats-url", "nats://hub", "--nats-creds", "/c", "--nats-insecure"];
    expect(run(flags)).toMatchObject({ natsUrl: "nats://hub", natsCreds: "/c", natsInsecure: true });
  });

  it("listens on the network with a token, which has all rights", () => {
    const flags = ["--host", "0.0.0.0", "--allowed-host", "Hive.lan", "--allowed-host", "[::1]"];
    const [apiToken, own] = ["open-sesame", { name: "default", admin: true, monitor: true }];
    expect(run(flags, { ...token, WAGGLE_FAULTS: "true" })).toMatchObject({
      ...{ host: "0.0.0.0", allowedHosts: ["hive.lan", "[::1]"], faults: true, apiToken },
      ...{ localMode: false, apiTokens: [{ ...own, token: apiToken }] },
    });
  });

  it("reads its token from WAGGLE_HIVE_TOKEN, which workers send, and otherwise from WAGGLE_API_TOKEN", () => {
    expect(run([], { WAGGLE_API_TOKEN: "of-the-worker" }).apiTokens).toMatchObject([{ token: "of-the-worker" }]);
    const both = run([], { ...token, WAGGLE_API_TOKEN: "of-the-worker" });
    expect(both.apiTokens).toMatchObject([{ token: "open-sesame" }]);
  });

  it("reads a settings file; flags and variables override it", () => {
    const config = run(["--config", "/h.yaml", "--port", "1"], { ...token, WAGGLE_HEARTBEATS_KEPT: "6" });
    expect(config).toMatchObject({ port: 1, heartbeatsKept: 6, allowedHosts: ["hive.lan"] });
    expect(run([], { ...token, WAGGLE_CONFIG: "/h.yaml" })).toMatchObject({ port: 7_000, heartbeatsKept: 5 });
  });

  it("reads the trace settings from OpenTelemetry's variables", () => {
    const { traces } = run(["--port", "0"], { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" });
    expect(traces.settings).toMatchObject({
      url: "http://c:4318/v1/traces",
      resource: { "service.name": "waggle-hive", "service.instance.id": "hive-box-p42" },
    });
  });

  it("prefers a flag to its variable, and treats an empty variable as unset", () => {
    const env = { WAGGLE_PORT: "1", WAGGLE_LOG_LEVEL: "debug", WAGGLE_HOST: "" };
    expect(run(["--port", "0"], env)).toMatchObject({ port: 0, logLevel: "debug", host: "127.0.0.1" });
  });

  it.each([
    [["--port", "99999"], {}, 'Cannot use --port "99999": it must be a whole number from 0 to 65535'],
    [["--port", "-1"], {}, 'Cannot use --port "-1": '],
    [["--heartbeats-kept", "0"], {}, 'Cannot use --heartbeats-kept "0": '],
    [
      [],
      { WAGGLE_HEARTBEATS_KEPT: "x" },
      'Cannot use --heartbeats-kept "x" (from the variable WAGGLE_HEARTBEATS_KEPT): ',
    ],
    [
      ["--host", "0.0.0.0"],
      {},
      "Cannot use --host 0.0.0.0 without a token: other machines could use it. Set WAGGLE_API_TOKEN",
    ],
    [["--allowed-host", "a"], {}, "Cannot use --allowed-host without a token: it lets others in under that name. Set"],
    [["--local-mode"], token, "Cannot use --local-mode with an API token (WAGGLE_HIVE_TOKEN)"],
    [["--host", "a:80"], {}, 'Cannot use --host "a:80": it must be a host name or an IP address, without a port'],
    [["--allowed-host", "a b"], {}, 'Cannot use --allowed-host "a b": it must be a list of host names without ports'],
    [["--allowed-origin", "x.example"], {}, 'Cannot use --allowed-origin "x.example": it must be a list of origins'],
    [["--api-token-file", "/nowhere"], {}, "Cannot use --api-token-file /nowhere: no such file."],
    [["--config", "/nowhere"], {}, "Cannot use --config /nowhere: no such file."],
    [[], { WAGGLE_HIVE_TOKEN: "short" }, "Cannot use the variable WAGGLE_HIVE_TOKEN: a token has 8 to 512 characters."],
    [["--log-level", "loud"], {}, 'Cannot use --log-level "loud": it must be one of trace'],
    [["--log-format", "xml"], {}, 'Cannot use --log-format "xml": it must be one of pretty, json'],
    [["--endpoints-file", ""], {}, 'Cannot use --endpoints-file "": it must be 1 to 4096 characters'],
    [
      [],
      { WAGGLE_NATS_INSECURE: "perhaps" },
      'Cannot use --nats-insecure "perhaps" (from the variable WAGGLE_NATS_INSECURE)',
    ],
    [["--colour"], {}, "Unknown option '--colour'"],
    [["--port"], {}, "The option --port <n> needs a value"],
    [["extra"], {}, "Too many arguments"],
  ])("refuses %j with %j", (argv, env, message) => {
    expect(problems(argv, env)).toContain(message);
  });

  it("hides the password of a rejected URL", () => {
    const bad = problems(["--nats-url", `nats://user:secret@${"h".repeat(3_000)}`]);
    expect(bad).toContain("--nats-url");
    expect(bad).not.toContain("secret");
  });

  it("reports every wrong flag", () => {
    expect(problems(["--port", "x", "--log-level", "y"])).toMatch(/--port "x".*\n.*--log-level "y"/);
  });
});
