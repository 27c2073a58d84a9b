import type { Machine, OptionRow } from "@waggle/daemon";
import { expect, it } from "vitest";
import { gatewayOptions } from "./config/gateway-options.ts";
import { parseConfig } from "./config.ts";

const machine: Machine = {
  hostname: "box",
  homeFolder: "/home/bee",
  pid: 42,
  stdoutIsTerminal: false,
  stderrIsTerminal: false,
  version: "1.2.3",
  program: "waggle-gateway",
  readText: (path) => (path === "tokens" ? "alice:alice-secret\nbob:bob-secret\n" : "nats-url: nats://a\nport: 7000\n"),
};
const local = ["--local-mode", "--nats-url", "nats://127.0.0.1:4222"];

function errorsOf(argv: readonly string[], env = {}): string {
  const result = parseConfig(argv, env, machine);
  if (result.kind === "run") throw new Error("Accepted");
  expect(result.code).toBe(64);
  return result.stderr ?? "";
}

it("takes the worker's defaults, but another port and name", () => {
  const result = parseConfig(local, {}, machine);
  expect(result).toMatchObject({
    kind: "run",
    config: {
      port: 7710,
      gatewayId: "gateway-box-7710",
      onWorkerLoss: "resume",
      clientQueueShare: 1,
      logFormat: "json",
      natsInsecure: false,
      drainTimeoutMs: 30_000,
    },
  });
  const free = parseConfig([...local, "--port", "0"], {}, machine);
  expect(free).toMatchObject({ config: { gatewayId: "gateway-box-p42" } });
});

it("names itself in its traces", () => {
  const result = parseConfig(
    [...local, "--gateway-id", "g"],
    { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" },
    machine,
  );
  const resource = { "service.name": "waggle-gateway", "service.version": "1.2.3", "service.instance.id": "g" };
  expect(result).toMatchObject({ config: { traces: { settings: { resource } } } });
});

it("reads environment variables where no flags are given", () => {
  const env = {
    WAGGLE_NATS_URL: "nats://127.0.0.1:4222",
    WAGGLE_API_TOKEN_FILE: "tokens",
    WAGGLE_ON_WORKER_LOSS: "error",
  };
  expect(parseConfig([], env, machine)).toMatchObject({
    kind: "run",
    config: { onWorkerLoss: "error", clientQueueShare: 0.5, apiTokens: [{ name: "alice" }, { name: "bob" }] },
  });
});

it("reads a settings file; flags and variables override it", () => {
  const read = (argv: readonly string[], env = {}): unknown =>
    parseConfig(["--config", "/g.yaml", ...argv], env, machine);
  expect(read([])).toMatchObject({ config: { natsUrl: "nats://a", port: 7_000, localMode: true } });
  expect(read(["--port", "1"], { WAGGLE_NATS_URL: "nats://b" })).toMatchObject({
    config: { natsUrl: "nats://b", port: 1 },
  });
});

it("names the command that was typed in its errors", () => {
  const result = parseConfig([], {}, { ...machine, program: "waggle gateway" });
  expect(result).toMatchObject({
    stderr: expect.stringMatching(/^waggle: .*\(waggle gateway --help says more\.\)\n$/),
  });
});

it("lists at most 60 settings in --help, and all in --help-all", () => {
  const flagsIn = (flag: string): number => {
    const result = parseConfig([flag], {}, machine);
    const help = (result.kind === "exit" && result.stdout) || "";
    return Object.values<OptionRow>(gatewayOptions).filter((row) => help.includes(`\n  --${row.flag} `)).length;
  };
  expect(flagsIn("--help")).toBeLessThanOrEqual(60);
  expect(flagsIn("--help-all")).toBe(Object.keys(gatewayOptions).length);
});

it.each([
  [["--local-mode"], "name its NATS server with --nats-url"],
  [["--nats-url", "nats://h", "--host", "0.0.0.0"], "--host 0.0.0.0 without a token"],
  [[...local, "--api-token-file", "tokens"], "--local-mode with an API token"],
  [[...local, "--host", "0.0.0.0"], "--local-mode with --host 0.0.0.0"],
  [[...local, "--on-worker-loss", "retry"], 'Cannot use --on-worker-loss "retry": it must be one of resume, error.'],
  [[...local, "--max-body", "1GiB"], "--max-body larger than --max-bodies"],
  [[...local, "--slots", "2"], "Unknown option '--slots'"],
])("refuses %j", (argv, reason) => {
  expect(errorsOf(argv)).toContain(reason);
});

it("hides the password of a rejected URL", () => {
  const errors = errorsOf(["--local-mode", "--nats-url", `nats://user:secret@${"h".repeat(3_000)}`]);
  expect(errors).toContain("--nats-url");
  expect(errors).not.toContain("secret");
});
