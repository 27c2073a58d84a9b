// Shows that a fleet keeps every stream whole while its workers, gateways, NATS and network are broken: a short form of `xtask worker:chaos --fleet`.
import { join } from "node:path";
import { describeWithNats } from "@waggle/testing";
import { execa } from "execa";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const command = ["--conditions=waggle-source", "--import", "tsx", "tools/xtask/src/main.ts", "worker:chaos", "--fleet"];

async function chaos(...options: readonly string[]): Promise<{ stdout: string; exitCode: number | undefined }> {
  const { stdout, stderr, exitCode } = await execa(process.execPath, [...command, ...options], {
    cwd: root,
    reject: false,
  });
  return { stdout: `${stdout}\n${stderr}`, exitCode };
}

describeWithNats("a fleet that is broken on purpose", () => {
  test.each([
    "spread",
    "workers-killed",
    "nats-restarted",
    "drain",
    "gateway-killed",
    "one-name",
    "waiting-jobs",
    "cut-off",
    "returns",
  ])("keeps every stream whole: %s", async (scenario) => {
    // Enough for the fault to come in the middle.
    const { stdout, exitCode } = await chaos("--requests", "200", "--only", scenario);
    expect(stdout).toContain("✓ all holds");
    expect(stdout).toContain("PASSED");
    expect(exitCode).toBe(0);
  });

  test("says what is wrong, and fails", async () => {
    const { stdout, exitCode } = await chaos("--requests", "4", "--only", "nats-restarted");
    expect(stdout).toContain("✗ All was over before nats-server was stopped");
    expect(exitCode).toBe(1);
  });
});
