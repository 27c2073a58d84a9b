// Lists the settings that several programs share (the HTTP front and its jobs, access, the fleet, the log), and the rules between them.
import { logFormats, logLevels } from "@waggle/telemetry";
import { baseUrl, bindAddress, hostList, originList } from "./names.ts";
import { advancedSetting, inGroup, setting, type OptionValuesOf } from "./option-row.ts";
import { boolean, byteSize, duration, integer, oneOf, share, text } from "./values.ts";

/** The named limits of jobs and requests. A request beyond a limit gets a typed error, so that memory does not grow. */
export const frontLimitOptions = inGroup("Limits", {
  defaultMaxTokens: setting("--default-max-tokens <tokens>", integer(1, 1_048_576), {
    help: "max_tokens for requests that do not set it",
    defaultText: "to the context's end",
  }),
  defaultRepetitionLimit: setting("--repetition-limit <n>", integer(2, 1_024), {
    help: "end an answer after this many repeats of the same tokens, 2 to 1024",
    defaultText: "never",
  }),
  queueCapacity: setting("--queue-capacity <n>", integer(1, 4_096), {
    help: "jobs that may wait for each model; more are rejected with 429",
    default: "64",
  }),
  clientQueueShare: advancedSetting("--client-queue-share <share>", share(), {
    help: "largest share of a queue, and of --pictures-total, for one API token",
    defaultText: "0.5 with several tokens, else 1",
  }),
  drainTimeoutMs: setting("--drain-timeout <duration>", duration("0s", "24h"), {
    help: "time for running jobs to finish after SIGTERM",
    default: "30s",
  }),
  supersedeTimeoutMs: advancedSetting("--supersede-timeout <duration>", duration("0s", "1m"), {
    help: "wait at most this long for a superseded job to end",
    default: "2s",
  }),
  unclaimedTimeoutMs: advancedSetting("--unclaimed-timeout <duration>", duration("50ms", "24h"), {
    help: "cancel a job without a reader after this time",
    default: "30s",
  }),
  reconnectGraceMs: advancedSetting("--reconnect-grace <duration>", duration("0s", "1h"), {
    help: "cancel a job this long after its last reader has left",
    default: "5s",
  }),
  retryGraceMs: advancedSetting("--retry-grace <duration>", duration("0s", "1h"), {
    help: "keep a disconnected client's job this long for a retry; 0: retries are new jobs",
    default: "10s",
  }),
  replayWindowMs: advancedSetting("--replay-window <duration>", duration("0s", "24h"), {
    help: "how long ended jobs can be replayed",
    default: "60s",
  }),
  // At most what all ended jobs may have together.
  replayBufferBytes: advancedSetting("--replay-buffer <size>", byteSize("1KiB", "64MiB"), {
    help: "most memory for replaying one job",
    default: "8MiB",
  }),
  // Background jobs have a separate replay window: a thousand short answers of a script must not displace a job that a reader will
  // resume.
  answerWindowMs: advancedSetting("--answer-window <duration>", duration("0s", "24h"), {
    help: "how long finished background jobs can be replayed",
    default: "30m",
  }),
  endedJobsKept: advancedSetting("--ended-jobs-kept <n>", integer(1, 1_000_000), {
    help: "largest number of ended jobs that can be replayed",
    default: "1024",
  }),
  readerStallTimeoutMs: advancedSetting("--reader-stall-timeout <duration>", duration("50ms", "1h"), {
    help: "time without reading after which a reader is disconnected",
    default: "30s",
  }),
  pingIntervalMs: advancedSetting("--ping-interval <duration>", duration("50ms", "1h"), {
    help: "keep-alive interval of idle streams",
    default: "15s",
  }),
  maxBodyBytes: setting("--max-body <size>", byteSize("1KiB", "1GiB"), {
    help: "largest request body, without its pictures; a larger one gets a 413",
    default: "4MiB",
  }),
  maxBodiesBytes: advancedSetting("--max-bodies <size>", byteSize("1KiB", "64GiB"), {
    help: "memory for all request bodies that are being received",
    default: "128MiB",
  }),
  maxPictureBytes: setting("--max-picture-bytes <size>", byteSize("1KiB", "32MiB"), {
    help: "largest picture file in a request; a larger one gets a 413",
    default: "16MiB",
  }),
  maxPictures: advancedSetting("--max-pictures <n>", integer(0, 1_024), {
    help: "largest number of different pictures in a request",
    default: "100",
  }),
  maxPicturesBytes: advancedSetting("--max-pictures-bytes <size>", byteSize("1KiB", "4GiB"), {
    help: "largest size of all pictures in a request together",
    default: "64MiB",
  }),
  picturesTotalBytes: advancedSetting("--pictures-total <size>", byteSize("1KiB", "256GiB"), {
    help: "memory for the pictures of all waiting and running jobs",
    default: "512MiB",
  }),
  requestTimeoutMs: advancedSetting("--request-timeout <duration>", duration("50ms", "1h"), {
    help: "time for a client to send its request",
    default: "30s",
  }),
  maxConnections: advancedSetting("--max-connections <n>", integer(1, 65_536), {
    help: "largest number of open connections",
    default: "2048",
  }),
  maxStreamsPerClient: advancedSetting("--max-streams-per-client <n>", integer(1, 65_536), {
    help: "largest number of open streams of one API token",
    default: "256",
  }),
});

/** The share of a queue that one client may fill if no setting gives one: a client alone may fill the queue. */
export function queueShareOf(given: number | undefined, tokens: readonly unknown[]): number {
  return given ?? (tokens.length > 1 ? 0.5 : 1);
}

/** Returns a sentence for each contradiction between limits. */
export function frontProblems(values: OptionValuesOf<typeof frontLimitOptions>): readonly string[] {
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

/** Each program adds the default of its port. */
export const listenOptions = inGroup("Network", {
  host: setting("--host <address>", bindAddress(), {
    help: "address to listen on; 0.0.0.0 is all interfaces",
    default: "127.0.0.1",
  }),
  port: setting("--port <n>", integer(0, 65_535), { help: "port to listen on; 0 picks a free one" }),
  advertiseUrl: setting("--advertise-url <url>", baseUrl(), {
    help: "URL of this worker for other machines",
    defaultText: "from host and port",
  }),
});

export const accessOptions = inGroup("Access", {
  localMode: setting("--local-mode", boolean(), {
    help: "accept only clients on this machine, without a token",
    defaultText: "on without a token",
  }),
  apiTokenFile: setting("--api-token-file <path>", text(1, 4_096), {
    help: "file of name:token lines, read again on SIGHUP",
  }),
  allowedHosts: setting("--allowed-host <name>", hostList(), {
    help: "Host header to accept, without the port (repeatable)",
    defaultText: "any in network mode; loopback names in local mode",
    repeatable: ",",
  }),
  allowedOrigins: setting("--allowed-origin <origin>", originList(), {
    help: "additional Origin of browser pages to accept (repeatable)",
    defaultText: "the worker's; in local mode this machine's",
    repeatable: ",",
  }),
  allowedMediaHosts: setting("--allow-media-from <host>", hostList(), {
    help: "host from which pictures in requests may be fetched (repeatable)",
    defaultText: "none; pictures come in the request",
    repeatable: ",",
  }),
  openMetrics: setting("--open-metrics", boolean(), { help: "allow GET /metrics without a token", default: "false" }),
});

export const logOptions = inGroup("Logs", {
  logLevel: setting("--log-level <level>", oneOf(logLevels), {
    help: `least severe lines to log: ${logLevels.join(", ")}`,
    defaultText: "info; warn on a terminal",
  }),
  logFormat: setting("--log-format <format>", oneOf(logFormats), {
    help: `format of the log lines: ${logFormats.join(" or ")}`,
    defaultText: "pretty on a terminal, json elsewhere",
  }),
});

/** Of the daemons whose routes read the history. */
export const historyOptions = inGroup("Logs", {
  historyBytes: advancedSetting("--history-size <size>", byteSize("0", "64GiB"), {
    help: "most disk for a day of log lines, ended jobs and charts; 0 keeps none",
    default: "64MiB",
  }),
});

export const batchOptions = inGroup("Batches", {
  maxBatchWindowMs: advancedSetting("--batch-window <duration>", duration("1m", "720h"), {
    help: "longest time that a batch may have until it expires, up to 720h",
    default: "24h",
  }),
  batchDir: advancedSetting("--batch-dir <folder>", text(1, 4_096), {
    help: "folder of uploaded files, batches and their results",
    defaultText: "$XDG_STATE_HOME/waggle/batches, or ~/.local/state/waggle/batches",
  }),
});

export const fleetOptions = inGroup("Fleet", {
  natsUrl: setting("--nats-url <url>", text(1, 2_048), {
    help: "NATS server of the fleet, as nats://host:4222",
    defaultText: "no fleet",
  }),
  natsCreds: setting("--nats-creds <path>", text(1, 4_096), {
    help: "credentials file for the NATS server, as nsc writes it",
  }),
  natsInsecure: setting("--nats-insecure", boolean(), {
    help: "allow a NATS server on another machine without TLS or credentials",
    default: "false",
  }),
});
