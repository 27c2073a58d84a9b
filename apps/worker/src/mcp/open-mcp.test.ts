// Tests which of two workers with the same name gets the journal when they start at the same time.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createMcp } from "./open-mcp.ts";
import type { McpOptions, WorkerMcp } from "./open-mcp.ts";

it("opens the journal for one of two workers that start at the same time", async () => {
  const folder = mkdtempSync(join(tmpdir(), "waggle-mcp-"));
  const mcpConfig = join(folder, "mcp.json");
  writeFileSync(mcpConfig, JSON.stringify({ mcpServers: {} }));
  const config = { mcpConfig, mcpJournalDir: folder, workerId: "one", hasLastingId: true };
  const workers = [1, 2].map(
    () => createMcp({ config, clock: { now: () => 0 } } as unknown as McpOptions) as WorkerMcp,
  );
  const opened = workers.map(async (worker) => {
    await worker.open();
    return worker;
  });
  try {
    const failed = (await Promise.allSettled(opened)).filter(({ status }) => status === "rejected");
    expect(failed).toEqual([
      {
        status: "rejected",
        reason: expect.objectContaining({
          message: expect.stringContaining("another worker uses it") as string,
        }) as Error,
      },
    ]);
  } finally {
    for (const one of opened) await one.then(async ({ journal }) => await journal.close()).catch(() => {});
    rmSync(folder, { recursive: true });
  }
});
