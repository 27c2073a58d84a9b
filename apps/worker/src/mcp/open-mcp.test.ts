// Tests which of two workers with the same name gets the journal when they start at the same time, and which journals end a start; the limits of tools.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toolLimits } from "@waggle/mcp";
import { bodyLimits, requestLimits } from "@waggle/protocol";
import { beforeEach, expect, it } from "vitest";
import { createMcp } from "./open-mcp.ts";
import type { McpOptions, WorkerMcp } from "./open-mcp.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "waggle-mcp-"))));

function mcpOf(mcpJournalDir: string, log: object = {}): WorkerMcp {
  const mcpConfig = join(folder, "mcp.json");
  writeFileSync(mcpConfig, JSON.stringify({ mcpServers: {} }));
  const config = { mcpConfig, mcpJournalDir, workerId: "one", hasLastingId: true };
  return createMcp({ config, log, clock: { now: () => 0 } } as unknown as McpOptions) as WorkerMcp;
}

it("opens the journal for one of two workers that start at the same time", async () => {
  const opened = [1, 2].map(async () => {
    const worker = mcpOf(folder);
    await worker.open();
    return worker;
  });
  try {
    const failed = (await Promise.allSettled(opened)).filter(({ status }) => status === "rejected");
    const message = expect.stringContaining("another worker uses it") as string;
    expect(failed).toEqual([{ status: "rejected", reason: expect.objectContaining({ message }) as Error }]);
  } finally {
    for (const one of opened) await one.then(async ({ journal }) => await journal.close()).catch(() => {});
  }
});

it("starts with a warning while the journal cannot be used, and takes calls afterwards", async () => {
  const path = join(folder, "one.jsonl");
  mkdirSync(path);
  const logged: unknown[] = [];
  const note = (_: object, event: string): void => void logged.push(event);
  const worker = mcpOf(folder, { warn: note, info: note });
  await worker.open();
  const turn = { client: "local", key: "k", digest: "d" };
  await expect((await worker.journal.begin(turn))?.willSend("0.0")).rejects.toMatchObject({ code: "unavailable" });
  rmSync(path, { recursive: true });
  await (await worker.journal.begin(turn))?.willSend("0.0");
  await worker.journal.close();
  expect(logged).toEqual(["mcp_journal_failed", "mcp_journal_works"]);
});

it.each(["mcp.json", "mcp.json/inner", "x".repeat(300)])("does not start with a wrong path: %s", async (name) => {
  await expect(mcpOf(join(folder, name)).open()).rejects.toMatchObject({
    message: expect.stringMatching(/^Cannot use the journal of tool calls .*one\.jsonl: /) as string,
    exitCode: 64,
  });
});

it("takes no tool from a server that a request could not have", () => {
  expect(toolLimits.tools).toBeLessThanOrEqual(requestLimits.tools);
  expect(toolLimits.nameChars).toBeLessThanOrEqual(requestLimits.toolNameChars);
  expect(toolLimits.allParametersChars + toolLimits.tools * toolLimits.descriptionChars).toBeLessThanOrEqual(
    requestLimits.toolsChars,
  );
  // The body, its list of tools, the tool and its function are levels too.
  expect(toolLimits.parametersDepth + 4).toBeLessThanOrEqual(bodyLimits.depth);
});
