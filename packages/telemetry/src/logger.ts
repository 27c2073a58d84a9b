// Owns the format of log lines, and the keys whose values are redacted because they could be a prompt, an answer or a token.
import { pino } from "pino";
import type { Logger } from "pino";
import { prettyFactory } from "pino-pretty";
import type { LogSink } from "./log-sink.ts";
import { stderrSink } from "./stderr-sink.ts";

export type { Logger };

export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export const logFormats = ["pretty", "json"] as const;
export type LogFormat = (typeof logFormats)[number];

/** Values of these keys are replaced, so that no log contains a user's prompt, a model's answer or an API token. */
export const redactedKeys = ["prompt", "messages", "text", "token", "authorization", "headers.authorization"] as const;

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Name of the process, such as `waggle-worker` or `waggle-hive`. */
  readonly name: string;
  /** Where the log is written; stderr by default, since stdout carries machine-readable lines only. */
  readonly destination?: LogSink;
  /** A second destination, which gets every line as one JSON object whatever `format` is. */
  readonly ring?: LogSink;
  /** Writes only warnings and errors to `destination`, pretty warnings in words; the ring still gets every line. */
  readonly quiet?: boolean;
  /** Called before a line is written, so that a progress bar can make room on the terminal. */
  readonly onLine?: (() => void) | undefined;
}

/**
 * Creates a pino logger. `json` writes one object per line, with an ISO time and the level as a word. `pretty` writes one readable line, with colours
 * when stderr is a terminal that supports them. Formatting happens on this thread: a daemon that stops must leave no worker thread behind.
 */
export function createLogger(options: LoggerOptions): Logger {
  const sink = escapingSink(options.destination ?? stderrSink());
  return pino(
    {
      name: options.name,
      level: options.level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { bindings: ({ name, pid }) => ({ name, pid }), level: (label) => ({ level: label }) },
      redact: { paths: [...redactedKeys], censor: "[redacted]" },
    },
    both(shown(options.format === "json" ? sink : prettySink(sink, options), options), options.ring),
  );
}

/** Matches warnings and errors. Every JSON line begins with its level. */
const loud = /^\{"level":"(?:warn|error|fatal)"/;

function shown(sink: LogSink, { quiet = false, onLine }: LoggerOptions): LogSink {
  if (!quiet && onLine === undefined) return sink;
  return {
    write(line) {
      if (quiet && !loud.test(line)) return;
      onLine?.();
      sink.write(line);
    },
  };
}

function both(sink: LogSink, ring: LogSink | undefined): LogSink {
  if (ring === undefined) return sink;
  return {
    write(line) {
      sink.write(line);
      ring.write(line);
    },
  };
}

/** A terminal obeys these characters, or reorders others by them. JSON escapes the other control characters. */
const obeyed = /[\u007f-\u009f\p{Bidi_Control}]/gu;

function escapingSink(sink: LogSink): LogSink {
  const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return { write: (line) => sink.write(line.replaceAll(obeyed, escaped)) };
}

/** Keys that say nothing on a screen for people. */
const ownKeys: ReadonlySet<string> = new Set(["level", "time", "name", "pid", "msg"]);

/** `! hive down: worker bee, reason connection refused`. Control characters stay escaped. */
function inWords(line: string): string {
  const record = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const plain = (value: unknown): string =>
    JSON.stringify(value)
      .replaceAll(/^"|"$/g, "")
      .replaceAll(String.raw`\"`, '"');
  const facts = Object.entries(record)
    .filter(([key]) => !ownKeys.has(key))
    .map(([key, value]) =>
      key === "err"
        ? plain((value as Partial<Error> | null)?.message ?? value)
        : `${key.replaceAll("_", " ")} ${plain(value)}`,
    );
  return `! ${plain(record["msg"] ?? "warning").replaceAll("_", " ")}${facts.length === 0 ? "" : `: ${facts.join(", ")}`}\n`;
}

function prettySink(sink: LogSink, { destination, quiet = false }: LoggerOptions): LogSink {
  const onStderr = destination === undefined;
  const format = prettyFactory({
    colorize: onStderr && process.stderr.isTTY && process.stderr.hasColors(),
    singleLine: true,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "pid",
  });
  return { write: (line) => sink.write(quiet && line.startsWith('{"level":"warn"') ? inWords(line) : format(line)) };
}
