// Owns `waggle logs`: prints the last log lines, and follows the log.
import { sleep } from "@waggle/async";
import type { LogLine } from "@waggle/protocol";
import { CliError, exitCodes } from "../cli-error.ts";
import type { Context, Run } from "../command.ts";
import { needServer } from "./need-server.ts";

const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
/** Time between two requests for new lines. */
const followIntervalMs = 1_000;
/** Number of last lines without --lines, as in `tail`. */
const usualLines = 20;
/** The server keeps no more lines. */
const mostLines = 500;

export const run: Run = async (context, words) => {
  const least = levelOf(words.text("level") ?? "trace");
  const lines = lineCount(words.text("lines") ?? String(usualLines));
  const { client } = await needServer(context, words.text("url"), "log of jobs");
  const { signal } = context;
  let shown = (await client.logs({ signal, lines })).lines;
  let after: number | undefined;
  for (;;) {
    for (const line of shown) {
      if (levels.indexOf(line.level) >= least) print(context, line, words.has("json"));
      after = line.seq;
    }
    if (!words.has("follow")) return;
    await sleep(followIntervalMs, { signal });
    shown = (await client.logs({ signal, lines: mostLines, ...(after === undefined ? {} : { after }) })).lines;
  }
};

function print({ out }: Context, line: LogLine, json: boolean): void {
  if (json) return out.write(`${JSON.stringify(line)}\n`);
  const fields = Object.entries(line.fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const level = line.level.toUpperCase().padEnd(5);
  out.write(
    `${[line.time, level, line.message].join(" ")}${out.style.dim(fields.map((field) => ` ${field}`).join(""))}\n`,
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
  throw new CliError(`Cannot use --lines "${text}": must be an integer from 1 to ${mostLines}.`, exitCodes.wrongUse);
}
