// Lists the settings that several programs share (the HTTP front and its jobs, access, the fleet, the log), and the rules between them.
import { logFormats, logLevels } from "@waggle/telemetry";
import { baseUrl, bindAddress, hostList, originList } from "./names.ts";
import type { OptionRow, OptionRows } from "./option-row.ts";
import { boolean, byteSize, duration, integer, oneOf, share, text, type TextSchema } from "./values.ts";

/** The named limits of jobs and requests. A request beyond a limit gets a typed error, so that memory does not grow. */
export const frontLimitOptions = {
  defaultMaxTokens: {
    flag: "default-max-tokens",
    value: "tokens",
    group: "Limits",
    help: "max_tokens for requests that do not set it",
    schema: integer(1, 1_048_576),
    defaultText: "to the context's end",
  },
  defaultRepetitionLimit: {
    flag: "repetition-limit",
    value: "n",
    group: "Limits",
    help: "end an answer after this many repeats of the same tokens, 2 to 1024",
    schema: integer(2, 1_024),
    defaultText: "never",
  },
  queueCapacity: {
    flag: "queue-capacity",
    value: "n",
    group: "Limits",
    help: "jobs that may wait for each model; more are rejected with 429",
    schema: integer(1, 4_096),
    default: "64",
  },
  clientQueueShare: {
    flag: "client-queue-share",
    value: "share",
    group: "Limits",
    help: "largest share of a queue, and of --pictures-total, for one API token",
    schema: share(),
    defaultText: "0.5 with several tokens, else 1",
    advanced: true,
  },
  drainTimeoutMs: {
    flag: "drain-timeout",
    value: "duration",
    group: "Limits",
    help: "time for running jobs to finish after SIGTERM",
    schema: duration("0s", "24h"),
    default: "30s",
  },
  supersedeTimeoutMs: {
    flag: "supersede-timeout",
    value: "duration",
    group: "Limits",
    help: "wait at most this long for a superseded job to end",
    schema: duration("0s", "1m"),
    default: "2s",
    advanced: true,
  },
  unclaimedTimeoutMs: {
    flag: "unclaimed-timeout",
    value: "duration",
    group: "Limits",
    help: "cancel a job without a reader after this time",
    schema: duration("50ms", "24h"),
    default: "30s",
    advanced: true,
  },
  reconnectGraceMs: {
    flag: "reconnect-grace",
    value: "duration",
    group: "Limits",
    help: "cancel a job this long after its last reader has left",
    schema: duration("0s", "1h"),
    default: "5s",
    advanced: true,
  },
  retryGraceMs: {
    flag: "retry-grace",
    value: "duration",
    group: "Limits",
    help: "keep a disconnected client's job this long for a retry; 0: retries are new jobs",
    schema: duration("0s", "1h"),
    default: "10s",
    advanced: true,
  },
  replayWindowMs: {
    flag: "replay-window",
    value: "duration",
    group: "Limits",
    help: "how long ended jobs can be replayed",
    schema: duration("0s", "24h"),
    default: "60s",
    advanced: true,
  },
  replayBufferBytes: {
    flag: "replay-buffer",
    value: "size",
    group: "Limits",
    help: "most memory for replaying one job",
    // At most what all ended jobs may have together.
    schema: byteSize("1KiB", "64MiB"),
    default: "8MiB",
    advanced: true,
  },
  // Background jobs have a separate replay window: a thousand short answers of a script must not displace a job that a reader will
  // resume.
  answerWindowMs: {
    flag: "answer-window",
    value: "duration",
    group: "Limits",
    help: "how long finished background jobs can be replayed",
    schema: duration("0s", "24h"),
    default: "30m",
    advanced: true,
  },
  endedJobsKept: {
    flag: "ended-jobs-kept",
    value: "n",
    group: "Limits",
    help: "largest number of ended jobs that can be replayed",
    schema: integer(1, 1_000_000),
    default: "1024",
    advanced: true,
  },
  readerStallTimeoutMs: {
    flag: "reader-stall-timeout",
    value: "duration",
    group: "Limits",
    help: "time without reading after which a reader is disconnected",
    schema: duration("50ms", "1h"),
    default: "30s",
    advanced: true,
  },
  pingIntervalMs: {
    flag: "ping-interval",
    value: "duration",
    group: "Limits",
    help: "keep-alive interval of idle streams",
    schema: duration("50ms", "1h"),
    default: "15s",
    advanced: true,
  },
  maxBodyBytes: {
    flag: "max-body",
    value: "size",
    group: "Limits",
    help: "largest request body, without its pictures; a larger one gets a 413",
    schema: byteSize("1KiB", "1GiB"),
    default: "4MiB",
  },
  maxBodiesBytes: {
    flag: "max-bodies",
    value: "size",
    group: "Limits",
    help: "memory for all request bodies that are being received",
    schema: byteSize("1KiB", "64GiB"),
    default: "128MiB",
    advanced: true,
  },
  maxPictureBytes: {
    flag: "max-picture-bytes",
    value: "size",
    group: "Limits",
    help: "largest picture file in a request; a larger one gets a 413",
    schema: byteSize("1KiB", "32MiB"),
    default: "16MiB",
  },
  maxPictures: {
    flag: "max-pictures",
    value: "n",
    group: "Limits",
    help: "largest number of different pictures in a request",
    schema: integer(0, 1_024),
    default: "100",
    advanced: true,
  },
  maxPicturesBytes: {
    flag: "max-pictures-bytes",
    value: "size",
    group: "Limits",
    help: "largest size of all pictures in a request together",
    schema: byteSize("1KiB", "4GiB"),
    default: "64MiB",
    advanced: true,
  },
  picturesTotalBytes: {
    flag: "pictures-total",
    value: "size",
    group: "Limits",
    help: "memory for the pictures of all waiting and running jobs",
    schema: byteSize("1KiB", "256GiB"),
    default: "512MiB",
    advanced: true,
  },
  requestTimeoutMs: {
    flag: "request-timeout",
    value: "duration",
    group: "Limits",
    help: "time for a client to send its request",
    schema: duration("50ms", "1h"),
    default: "30s",
    advanced: true,
  },
  maxConnections: {
    flag: "max-connections",
    value: "n",
    group: "Limits",
    help: "largest number of open connections",
    schema: integer(1, 65_536),
    default: "2048",
    advanced: true,
  },
  maxStreamsPerClient: {
    flag: "max-streams-per-client",
    value: "n",
    group: "Limits",
    help: "largest number of open streams of one API token",
    schema: integer(1, 65_536),
    default: "256",
    advanced: true,
  },
} as const satisfies OptionRows;

interface FrontLimits {
  readonly maxBodyBytes: number;
  readonly maxBodiesBytes: number;
  readonly maxPicturesBytes: number;
  readonly picturesTotalBytes: number;
}

/** The share of a queue that one client may fill if no setting gives one: a client alone may fill the queue. */
export function queueShareOf(given: number | undefined, tokens: readonly unknown[]): number {
  return given ?? (tokens.length > 1 ? 0.5 : 1);
}

/** Returns a sentence for each contradiction between limits. */
export function frontProblems(values: FrontLimits): readonly string[] {
  const { maxBodyBytes, maxBodiesBytes, maxPicturesBytes, picturesTotalBytes } = values;
  return [
    ...(maxBodyBytes > maxBodiesBytes
      ? ["Cannot use a --max-body larger than --max-bodies: one body would exceed the limit of all bodies."]
      : []),
    ...(maxPicturesBytes > picturesTotalBytes
      ? ["Cannot use a --max-pictures-bytes larger than --pictures-total: one request would exceed the limit of all."]
      : []),
  ];
}

type PortRow = Omit<OptionRow, "schema" | "default"> & {
  readonly schema: TextSchema<number>;
  readonly default: string;
};

/** @param port the program's default */
export function portOption(port: string): PortRow {
  return {
    flag: "port",
    value: "n",
    group: "Network",
    help: "port to listen on; 0 picks a free one",
    schema: integer(0, 65_535),
    default: port,
  };
}

export const listenOptions = {
  host: {
    flag: "host",
    value: "address",
    group: "Network",
    help: "address to listen on; 0.0.0.0 is all interfaces",
    schema: bindAddress(),
    default: "127.0.0.1",
  },
  advertiseUrl: {
    flag: "advertise-url",
    value: "url",
    group: "Network",
    help: "URL of this worker for other machines",
    schema: baseUrl(),
    defaultText: "from host and port",
  },
} as const satisfies OptionRows;

export const accessOptions = {
  localMode: {
    flag: "local-mode",
    group: "Access",
    help: "accept only clients on this machine, without a token",
    schema: boolean(),
    defaultText: "on without a token",
  },
  apiTokenFile: {
    flag: "api-token-file",
    value: "path",
    group: "Access",
    help: "file of name:token lines, read again on SIGHUP",
    schema: text(1, 4_096),
  },
  allowedHosts: {
    flag: "allowed-host",
    value: "name",
    group: "Access",
    help: "Host header to accept, without the port (repeatable)",
    schema: hostList(),
    defaultText: "any in network mode; loopback names in local mode",
    repeatable: ",",
  },
  allowedOrigins: {
    flag: "allowed-origin",
    value: "origin",
    group: "Access",
    help: "additional Origin of browser pages to accept (repeatable)",
    schema: originList(),
    defaultText: "the worker's; in local mode this machine's",
    repeatable: ",",
  },
  allowedMediaHosts: {
    flag: "allow-media-from",
    value: "host",
    group: "Access",
    help: "host from which pictures in requests may be fetched (repeatable)",
    schema: hostList(),
    defaultText: "none; pictures come in the request",
    repeatable: ",",
  },
  openMetrics: {
    flag: "open-metrics",
    group: "Access",
    help: "allow GET /metrics without a token",
    schema: boolean(),
    default: "false",
  },
} as const satisfies OptionRows;

export const logOptions = {
  logLevel: {
    flag: "log-level",
    value: "level",
    group: "Logs",
    help: `least severe lines to log: ${logLevels.join(", ")}`,
    schema: oneOf(logLevels),
    defaultText: "info; warn on a terminal",
  },
  logFormat: {
    flag: "log-format",
    value: "format",
    group: "Logs",
    help: `format of the log lines: ${logFormats.join(" or ")}`,
    schema: oneOf(logFormats),
    defaultText: "pretty on a terminal, json elsewhere",
  },
} as const satisfies OptionRows;

/** Of the daemons whose routes read the history. */
export const historyOptions = {
  historyBytes: {
    flag: "history-size",
    value: "size",
    group: "Logs",
    help: "most disk for a day of log lines, ended jobs and charts; 0 keeps none",
    schema: byteSize("0", "64GiB"),
    default: "64MiB",
    advanced: true,
  },
} as const satisfies OptionRows;

export const fleetOptions = {
  natsUrl: {
    flag: "nats-url",
    value: "url",
    group: "Fleet",
    help: "NATS server of the fleet, as nats://host:4222",
    schema: text(1, 2_048),
    defaultText: "no fleet",
  },
  natsCreds: {
    flag: "nats-creds",
    value: "path",
    group: "Fleet",
    help: "credentials file for the NATS server, as nsc writes it",
    schema: text(1, 4_096),
  },
  natsInsecure: {
    flag: "nats-insecure",
    group: "Fleet",
    help: "allow a NATS server on another machine without TLS or credentials",
    schema: boolean(),
    default: "false",
  },
} as const satisfies OptionRows;
