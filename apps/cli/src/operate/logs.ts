// Owns `waggle logs`: prints log lines of now or of the past, and follows the log.
import { sleep } from "@waggle/async";
import type { LogLinesQuery } from "@waggle/client";
import { formatTime } from "@waggle/daemon/terminal";
import { WaggleError, lineLevels, logLinesLimit, type LogLine } from "@waggle/protocol";
import { isPast } from "@waggle/telemetry/day-log";
import { wrongUse } from "../cli-error.ts";
import type { Context, Run } from "../command.ts";
import { askServers, findServers } from "./need-server.ts";
import { pastQueryOf } from "./past-words.ts";
import { findPast, type PastServer } from "./stored-past.ts";

/** Time between two requests for new lines. */
const followIntervalMs = 1_000;
/** Number of last lines without --lines, as in `tail`. A part of the past is shown whole. */
const usualLines = 20;

interface FoundLine extends Pick<PastServer, "worker"> {
  readonly line: LogLine;
}

export const run: Run = async (context, words) => {
  const { err, signal } = context;
  const past = pastQueryOf(words);
  const lines = lineCount(words.text("lines") ?? String(isPast(past) ? logLinesLimit : usualLines));
  const query = { lines, level: levelOf(words.text("level")), ...past };
  const follows = words.has("follow");
  if (follows && past.until !== undefined) {
    throw wrongUse("Cannot use --until with --follow: new lines have no end.");
  }
  // A stored history gets no new lines.
  const servers = await (follows ? findServers : findPast)(context, words.text("url"));
  const show = (found: readonly FoundLine[]): void => {
    for (const { worker, line } of found) print(context, worker, line, words.has("json"));
  };
  if (follows) {
    await followAll(context, servers, query, show);
    return;
  }
  const answers = await askServers(context, servers, async ({ client }) => await client.logs({ signal, ...query }));
  const all = answers.flatMap(({ worker, answer }) => answer.lines.map((line) => ({ worker, line })));
  const found = byTime(all).slice(-lines);
  show(found);
  if (!isPast(past)) return;
  if (found.length === 0) err.write("No such lines. A day is kept, with the lines that --log-level lets through.\n");
  if (found.length >= lines) err.write(`These are the last ${lines} lines. Choose a shorter time, or a --level.\n`);
};

function byTime(lines: readonly FoundLine[]): readonly FoundLine[] {
  return lines.toSorted((a, b) => a.line.time.localeCompare(b.line.time));
}

/** Follows all servers. Lines of several servers wait for the next request, so that those of the same second are shown by their time. */
async function followAll(
  context: Context,
  servers: readonly PastServer[],
  query: LogLinesQuery,
  show: (found: readonly FoundLine[]) => void,
): Promise<void> {
  const waiting: FoundLine[] = [];
  const showWaiting = (): void => show(byTime(waiting.splice(0)));
  const onLines = ({ worker }: PastServer, lines: readonly LogLine[]): void => {
    waiting.push(...lines.map((line) => ({ worker, line })));
    if (servers.length === 1) showWaiting();
  };
  await askServers(
    context,
    servers,
    async (server) => await follow(context, server, query, (lines) => onLines(server, lines), showWaiting),
  ).finally(showWaiting);
}

/** Follows the log also over a restart of the server. @param beforeRequest called before each further request */
async function follow(
  { err, signal }: Context,
  { client }: PastServer,
  query: LogLinesQuery,
  onLines: (lines: readonly LogLine[]) => void,
  beforeRequest: () => void,
): Promise<void> {
  let { lines: shown } = await client.logs({ signal, ...query });
  // Without a line, the server would read the day on disk again for each request.
  let after = 0;
  let isAway = false;
  for (;;) {
    onLines(shown);
    after = shown.at(-1)?.seq ?? after;
    await sleep(followIntervalMs, { signal });
    beforeRequest();
    try {
      shown = (await client.logs({ signal, ...query, lines: logLinesLimit, after })).lines;
      isAway = false;
    } catch (error) {
      if (!(error instanceof WaggleError && error.code === "unavailable")) throw error;
      if (!isAway) err.write(`${error.message}. Waiting for it; Ctrl-C ends.\n`);
      isAway = true;
      shown = [];
    }
  }
}

function print({ out }: Context, worker: string | undefined, line: LogLine, json: boolean): void {
  if (json) return out.write(`${JSON.stringify(worker === undefined ? line : { worker_id: worker, ...line })}\n`);
  const fields = Object.entries(line.fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const level = line.level.toUpperCase().padEnd(5);
  const place = worker === undefined ? [] : [worker];
  out.write(
    `${[formatTime(line.time, "ms"), level, ...place, line.message].join(" ")}${out.style.dim(fields.map((field) => ` ${field}`).join(""))}\n`,
  );
}

function levelOf(text: string | undefined): LogLine["level"] | undefined {
  const level = lineLevels.find((name) => name === text);
  if (level !== undefined || text === undefined) return level;
  throw wrongUse(`Unknown level "${text}". Levels: ${lineLevels.join(", ")}.`);
}

function lineCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= logLinesLimit) return count;
  throw wrongUse(`Cannot use --lines "${text}": it must be an integer from 1 to ${logLinesLimit}.`);
}
