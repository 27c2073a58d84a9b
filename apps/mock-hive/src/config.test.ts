import type { Machine } from "@waggle/daemon";
import { describe, expect, it } from "vitest";
import { parseConfig, type HiveConfig } from "./config.ts";

const machine: Machine = {
  ...{ hostname: "box", homeFolder: "/home/bee", pid: 42, version: "1.2.3", program: "waggle-hive" },
  ...{ stdoutIsTerminal: false, stderrIsTerminal: false },
  readText: () => "",
};
const token = { WAGGLE_HIVE_TOKEN: "open-sesame" };

function run(argv: readonly string[], env: Record<string, string> = {}): HiveConfig {
  const result = parseConfig(argv, env, machine);
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
      ...{ service: "waggle-hive", program: "waggle-hive", version: "1.2.3", instance: "hive-box-7700" },
      ...{ stateFolder: "/home/bee/.local/state/waggle", historyBytes: 0, hasLastingId: true, screen: undefined },
      ...{ logLevel: "info", logFormat: "json", quietLog: false },
      ...{ port: 7700, host: "127.0.0.1", localMode: true, allowedHosts: [], allowedOrigins: [] },
      ...{ natsInsecure: false, faults: false },
      ...{ apiTokens: [], apiTokenRights: { admin: true, monitor: true } },
    });
  });

  it("reads its settings, and those of a fleet", () => {
    const flags = ["--nats-url", "nats://hub", "--nats-creds", "/c", "--nats-insecure", "--faults"];
    expect(run(flags)).toMatchObject({
      ...{ natsUrl: "nats://hub", natsCreds: "/c", natsInsecure: true, faults: true },
    });
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

  it.each([
    [["--local-mode"], token, "Cannot use --local-mode with an API token (WAGGLE_HIVE_TOKEN)"],
    [[], { WAGGLE_FAULTS: "perhaps" }, 'Cannot use --faults "perhaps"'],
  ])("refuses %j with %j", (argv, env, message) => {
    expect(problems(argv, env)).toContain(message);
  });

  it("hides the password of a rejected URL", () => {
    const bad = problems(["--nats-url", `nats://user:secret@${"h".repeat(3_000)}`]);
    expect(bad).toContain("--nats-url");
    expect(bad).not.toContain("secret");
  });
});
