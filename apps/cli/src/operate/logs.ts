// Owns `waggle logs`: prints the last log lines, and follows the log.
import { sleep } from "@waggle/async";
import { WaggleError, type LogLine } from "@waggle/protocol";
import { CliError, exitCodes } from "../cli-error.ts";
import type { Context, Run } from "../command.ts";
import { askServers, findServers, type Server } from "./need-server.ts";

const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
/** Time between two requests for new lines. */
const followIntervalMs = 1_000;
/** Number of last lines without --lines, as in `tail`. */
const usualLines = 20;
/** The server keeps no more lines. */
const mostLines = 500;

export const run: Run = async (context, words) => {
  const level = words.text("level");
  const least = levelOf(level ?? "trace");
  const lines = lineCount(words.text("lines") ?? String(usualLines));
  const servers = await findServers(context, words.text("url"));
  const show = {
    lines,
    follow: words.has("follow"),
    isShown: level === undefined ? undefined : (line: LogLine) => levels.indexOf(line.level) >= least,
  };
  await askServers(context, servers, (server) =>
    readLog(context, server, { ...show, onLine: (line) => print(context, server, line, words.has("json")) }),
  );
};

interface ReadLogOptions {
  readonly lines: number;
  readonly follow: boolean;
  /** Undefined: all lines are. */
  readonly isShown: ((line: LogLine) => boolean) | undefined;
  readonly onLine: (line: LogLine) => void;
}

/** Follows the log also over a restart of the server. */
async function readLog(
  { err, signal }: Context,
  server: Server,
  { lines, follow, isShown, onLine }: ReadLogOptions,
): Promise<void> {
  const { client } = server;
  // The lines that are shown are counted, so all lines are asked for where some are left out.
  const all = (await client.logs({ signal, lines: isShown === undefined ? lines : mostLines })).lines;
  let shown = all.filter((line) => isShown?.(line) ?? true).slice(-lines);
  let after = all.at(-1)?.seq ?? -1;
  let isAway = false;
  for (;;) {
    for (const line of shown) onLine(line);
    if (!follow) return;
    await sleep(followIntervalMs, { signal });
    try {
      const { lines: next } = await client.logs({ signal, lines: mostLines, after });
      after = next.at(-1)?.seq ?? after;
      shown = next.filter((line) => isShown?.(line) ?? true);
      isAway = false;
    } catch (error) {
      if (!(error instanceof WaggleError && error.code === "unavailable")) throw error;
      if (!isAway) err.write(`${error.message}. Waiting for it; Ctrl-C ends.\n`);
      isAway = true;
      shown = [];
    }
  }
}

function print({ out }: Context, { worker }: Server, line: LogLine, json: boolean): void {
  if (json) return out.write(`${JSON.stringify(worker === undefined ? line : { worker_id: worker, ...line })}\n`);
  const fields = Object.entries(line.fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const level = line.level.toUpperCase().padEnd(5);
  const place = worker === undefined ? [] : [worker];
  out.write(
    `${[line.time, level, ...place, line.message].join(" ")}${out.style.dim(fields.map((field) => ` ${field}`).join(""))}\n`,
  );
}

function levelOf(text: string): number {
  const level = levels.findIndex((name) => name === text);
  if (level >= 0) return level;
  throw new CliError(`Unknown level "${text}". Levels: ${levels.join(", ")}.`, exitCodes.wrongUse);
}

function lineCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= mostLines) return count;
  throw new CliError(`Cannot use --lines "${text}": it must be an integer from 1 to ${mostLines}.`, exitCodes.wrongUse);
}
