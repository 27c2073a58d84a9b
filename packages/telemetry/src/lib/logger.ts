// Owns how log lines look. It knows nothing of what they say, but refuses the keys that could carry a prompt, an answer
// or a token.
import { pino } from "pino";
import type { Logger } from "pino";
import { prettyFactory } from "pino-pretty";
import type { LogSink } from "./log-sink.ts";
import { createStderrSink } from "./stderr-sink.ts";

export type { Logger };

export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export const logFormats = ["pretty", "json"] as const;
export type LogFormat = (typeof logFormats)[number];

/**
 * Values under these keys are replaced: what users write, what models answer and what opens doors stay out of every
 * log.
 */
export const redactedKeys = ["prompt", "messages", "text", "token", "authorization", "headers.authorization"] as const;

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Which process speaks: `waggle-worker`, `waggle-hive`. */
  readonly name: string;
  /** Where lines go; stderr by default, since stdout carries machine-readable lines only. */
  readonly destination?: LogSink;
  /** Gets every line as well, as one JSON object, whatever the format. */
  readonly ring?: LogSink;
  /** Warnings and errors alone are written; the ring still gets every line. */
  readonly quiet?: boolean;
  /** Called before a line is written: on a terminal it has to make room. */
  readonly onLine?: (() => void) | undefined;
}

/**
 * A pino logger. `json` writes one object a line with ISO time and the level as a word; `pretty` one readable line,
 * coloured when stderr is a terminal that can. Formatting happens in this thread: a daemon that stops must leave no
 * worker thread behind.
 */
export function createLogger(options: LoggerOptions): Logger {
  const sink = options.destination ?? createStderrSink();
  return pino(
    {
      name: options.name,
      level: options.level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { bindings: ({ name, pid }) => ({ name, pid }), level: (label) => ({ level: label }) },
      redact: { paths: [...redactedKeys], censor: "[redacted]" },
    },
    both(
      shown(options.format === "json" ? sink : prettySink(sink, options.destination === undefined), options),
      options.ring,
    ),
  );
}

/** Each line begins with its level. */
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

function prettySink(sink: LogSink, onStderr: boolean): LogSink {
  const format = prettyFactory({
    colorize: onStderr && process.stderr.isTTY && process.stderr.hasColors(),
    singleLine: true,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "pid",
  });
  return { write: (line) => sink.write(format(line)) };
}
