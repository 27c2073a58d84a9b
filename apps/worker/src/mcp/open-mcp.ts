// Opens what a worker with `--mcp-config` needs: the servers of the file, and the journal of their calls.
import { statSync } from "node:fs";
import { join } from "node:path";
import { deferred, inBackground, makeFolder } from "@waggle/async";
import type { Clock } from "@waggle/async";
import { StartError, takeLock } from "@waggle/daemon";
import type { Environment } from "@waggle/daemon";
import type { Mcp } from "@waggle/front";
import { McpFileError, createJournal, createToolServers, readServers } from "@waggle/mcp";
import type { Journal, ServerSpec } from "@waggle/mcp";
import { WaggleError, exitCodes } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { WorkerConfig } from "../config.ts";

export interface McpOptions {
  readonly config: WorkerConfig;
  readonly env: Environment;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface WorkerMcp extends Mcp {
  /**
   * Opens the journal, and starts the servers. A worker calls it when it has its port: until then another worker may have its name.
   * @throws StartError if another worker has the journal, or its path is wrong. A journal that cannot be written now refuses calls
   */
  open(): Promise<void>;
}

/** Undefined without `--mcp-config`. Turns wait for `open`. @throws StartError if the file cannot be used */
export function createMcp({ config, env, log, clock }: McpOptions): WorkerMcp | undefined {
  if (config.mcpConfig === undefined) return undefined;
  const servers = createToolServers({
    specs: specsOf(config.mcpConfig),
    env,
    version: config.version,
    callTimeoutMs: config.mcpCallTimeoutMs,
    clock,
    onState(server, state) {
      if (state.name === "failed") log.warn({ server, reason: state.problem }, "mcp_server_failed");
      else log.info({ server, state: state.name }, "mcp_server");
    },
  });
  const opened = deferred<Journal>();
  const { mcpSteps: steps, mcpTurnTimeoutMs: timeoutMs } = config;
  return {
    servers,
    journal: {
      begin: async (turn) => await (await opened.promise).begin(turn),
      newest: async (...request) => await (await opened.promise).newest(...request),
      async close() {
        // Has no effect on an open journal. After a start that failed before, requests must not wait for one.
        opened.reject(new WaggleError("unavailable", "The worker stops."));
        await (await opened.promise.catch(() => undefined))?.close();
      },
    },
    limits: { steps, timeoutMs },
    async open() {
      opened.resolve(await journalOf(config, log));
      // The first request need not wait for the servers' start.
      inBackground("start the MCP servers", servers.list());
    },
  };
}

function specsOf(path: string): readonly ServerSpec[] {
  try {
    return readServers(path);
  } catch (error) {
    if (error instanceof McpFileError) throw new StartError(error.message, exitCodes.badConfiguration);
    throw error;
  }
}

/** Errors of a path that no disk with more room and no remounted disk makes right. */
const wrongPaths = new Set(["EEXIST", "ENOTDIR", "ENAMETOOLONG", "ELOOP"]);

/** Each worker has its own journal. A second worker of the same name would replace the file, and the calls of the first would not be on disk. */
async function journalOf(
  { mcpJournalDir: folder, workerId, hasLastingId }: WorkerConfig,
  log: Logger,
): Promise<Journal> {
  const name = workerId.replaceAll(/[^A-Za-z0-9._-]/g, "_");
  const path = join(folder, `${name}.jsonl`);
  const startError = (reason: string, cause?: unknown): StartError =>
    new StartError(`Cannot use the journal of tool calls ${path}: ${reason}.`, exitCodes.badConfiguration, { cause });
  try {
    makeFolder(folder, { mode: 0o700 });
    statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (wrongPaths.has(code)) throw startError(message, error);
  }
  const lock = await takeLock(folder, `${name}.lock`);
  if (lock === undefined) throw startError("another worker uses it. Give this worker another --worker-id");
  const journal = await createJournal({
    ...{ path, isKept: hasLastingId, now: () => Date.now() },
    onProblem(problem) {
      if (problem === undefined) log.info({ path }, "mcp_journal_works");
      else log.warn({ path, reason: problem.message }, "mcp_journal_failed");
    },
  });
  return {
    ...journal,
    async close() {
      await journal.close();
      lock.release();
    },
  };
}
