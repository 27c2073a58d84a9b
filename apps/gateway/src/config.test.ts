import type { Machine, OptionRow } from "@waggle/daemon";
import { expect, it } from "vitest";
import { gatewayOptions } from "./config/gateway-options.ts";
import { parseConfig } from "./config.ts";

const machine: Machine = {
  ...{ hostname: "box", homeFolder: "/home/bee", pid: 42, version: "1.2.3", program: "waggle-gateway" },
  ...{ stdoutIsTerminal: false, stderrIsTerminal: false },
  readText: () => "alice:alice-secret\nbob:bob-secret\n",
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
      ...{ port: 7710, gatewayId: "gateway-box-7710", onWorkerLoss: "resume", clientQueueShare: 1 },
      ...{ logFormat: "json", natsInsecure: false, drainTimeoutMs: 30_000 },
    },
  });
  const free = parseConfig([...local, "--port", "0"], {}, machine);
  expect(free).toMatchObject({ config: { gatewayId: "gateway-box-p42" } });
});

it("has a share of the queue for each of several tokens", () => {
  const argv = ["--nats-url", "nats://a", "--api-token-file", "tokens", "--on-worker-loss", "error"];
  expect(parseConfig(argv, {}, machine)).toMatchObject({
    config: { localMode: false, onWorkerLoss: "error", clientQueueShare: 0.5, apiTokens: [{}, {}] },
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
