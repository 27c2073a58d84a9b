import { readFileSync } from "node:fs";
import { variableOf } from "@waggle/daemon";
import type { OptionRow } from "@waggle/daemon";
import { expect, it } from "vitest";
import { gatewayOptions } from "./config/gateway-options.ts";
import { parseConfig } from "./config.ts";
import type { Machine } from "./config.ts";

const machine: Machine = {
  hostname: "box",
  pid: 42,
  stdoutIsTerminal: false,
  stderrIsTerminal: false,
  version: "1.2.3",
  readText: (path) => (path === "tokens" ? "alice:alice-secret\nbob:bob-secret\n" : readFileSync(path, "utf8")),
};
const local = ["--local-mode", "--nats-url", "nats://127.0.0.1:4222"];

function errorsOf(argv: readonly string[], env = {}): string {
  const result = parseConfig(argv, env, machine);
  if (result.kind === "run") throw new Error("It was accepted");
  expect(result.code).toBe(64);
  return result.stderr ?? "";
}

it("takes the worker's defaults, a port beside the worker's, and a name of its own", () => {
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

it("takes variables where there are no flags", () => {
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

it.each([
  [["--local-mode"], "name its NATS server with --nats-url"],
  [["--nats-url", "nats://h", "--host", "0.0.0.0"], "--host 0.0.0.0 without a token"],
  [[...local, "--api-token-file", "tokens"], "--local-mode with an API token"],
  [[...local, "--host", "0.0.0.0"], "--local-mode with --host 0.0.0.0"],
  [[...local, "--on-worker-loss", "retry"], 'Cannot use --on-worker-loss "retry": it must be one of resume, error.'],
  [[...local, "--replay-buffer", "1GiB"], "--replay-buffer larger than --replay-total"],
  [[...local, "--max-body", "1GiB"], "--max-body larger than --max-bodies"],
  [[...local, "--slots", "2"], "Unknown option '--slots'"],
])("refuses %j", (argv, reason) => {
  expect(errorsOf(argv)).toContain(reason);
});

it("shows no password of a URL that it refuses", () => {
  const errors = errorsOf(["--local-mode", "--nats-url", `nats://user:secret@${"h".repeat(3_000)}`]);
  expect(errors).toContain("--nats-url");
  expect(errors).not.toContain("secret");
});

it("lists its settings in docs/operations.md, those that a worker has as well by their names alone", () => {
  const page = readFileSync(new URL("../../../docs/operations.md", import.meta.url), "utf8");
  const section = page.split("\n## The gateway\n")[1]?.split("\n## ")[0] ?? "";
  for (const row of Object.values<OptionRow>(gatewayOptions)) {
    expect(section).toContain(`--${row.flag}`);
    if (row.group === "Fleet") expect(section).toContain(variableOf(row));
  }
});
