// Opens what a worker with `--mcp-config` needs: the servers of the file, and the journal of their calls.
import { join } from "node:path";
import type { Clock } from "@waggle/async";
import { StartError } from "@waggle/daemon";
import type { Environment } from "@waggle/daemon";
import type { Mcp } from "@waggle/front";
import { McpFileError, createJournal, createToolServers, readServers } from "@waggle/mcp";
import type { Journal, ServerSpec } from "@waggle/mcp";
import { exitCodes } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { WorkerConfig } from "../config.ts";

export interface McpOptions {
  readonly config: WorkerConfig;
  readonly env: Environment;
  readonly log: Logger;
  readonly clock: Clock;
}

/** Undefined without `--mcp-config`. @throws StartError if the file or the journal cannot be used */
export async function openMcp({ config, env, log, clock }: McpOptions): Promise<Mcp | undefined> {
  if (config.mcpConfig === undefined) return undefined;
  const specs = specsOf(config.mcpConfig);
  const journal = await journalOf(config);
  const servers = createToolServers({
    specs,
    env,
    version: config.version,
    callTimeoutMs: config.mcpCallTimeoutMs,
    now: () => clock.now(),
    onState(server, state) {
      if (state.name === "failed") log.warn({ server, reason: state.problem }, "mcp_server_failed");
      else log.info({ server, state: state.name }, "mcp_server");
    },
  });
  // The first request need not wait for the servers' start.
  void servers.list();
  const { mcpSteps: steps, mcpTurnTimeoutMs: timeoutMs, reconnectGraceMs, pingIntervalMs } = config;
  return { servers, journal, limits: { steps, timeoutMs, reconnectGraceMs, pingIntervalMs } };
}

function specsOf(path: string): readonly ServerSpec[] {
  try {
    return readServers(path);
  } catch (error) {
    if (error instanceof McpFileError) throw new StartError(error.message, exitCodes.badConfiguration);
    throw error;
  }
}

/** Each worker has its own journal. */
async function journalOf({ mcpJournalDir, workerId }: WorkerConfig): Promise<Journal> {
  const path = join(mcpJournalDir, `${workerId.replaceAll(/[^A-Za-z0-9._-]/g, "_")}.jsonl`);
  try {
    return await createJournal({ path, now: () => Date.now() });
  } catch (error) {
    const why = `Cannot use the journal of tool calls ${path}: ${(error as Error).message}.`;
    throw new StartError(why, exitCodes.badConfiguration, { cause: error });
  }
}
