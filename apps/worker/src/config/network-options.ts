// Owns the settings of the port, of who may come in, of the hive and of the log.
import { logFormats, logLevels } from "@waggle/telemetry";
import { baseUrl, bindAddress, hostList, originList, workerId } from "./names.ts";
import type { OptionRows } from "./option-row.ts";
import { defaultPort } from "./well-known.ts";
import { boolean, duration, integer, oneOf, text } from "./values.ts";

export const networkOptions = {
  host: {
    flag: "host",
    value: "address",
    group: "Network",
    help: "address to listen on; 0.0.0.0 is all interfaces",
    schema: bindAddress(),
    default: "127.0.0.1",
  },
  port: {
    flag: "port",
    value: "n",
    group: "Network",
    help: "port to listen on; 0 picks a free one",
    schema: integer(0, 65_535),
    default: defaultPort,
  },
  ollama: {
    flag: "ollama",
    group: "Network",
    help: "listen on Ollama's port as well, so that its clients find this worker",
    schema: boolean(),
    default: "false",
  },
  ollamaPort: {
    flag: "ollama-port",
    value: "n",
    group: "Network",
    help: "port for --ollama; 0 picks a free one",
    schema: integer(0, 65_535),
    default: "11434",
  },
  advertiseUrl: {
    flag: "advertise-url",
    value: "url",
    group: "Network",
    help: "URL under which others reach this worker",
    schema: baseUrl(),
    defaultText: "made of host and port",
  },

  localMode: {
    flag: "local-mode",
    group: "Access",
    help: "this machine only, no token",
    schema: boolean(),
    default: "false",
  },
  apiTokenFile: {
    flag: "api-token-file",
    value: "path",
    group: "Access",
    help: "file of name:token lines; read again on SIGHUP",
    schema: text(1, 4_096),
  },
  allowedHosts: {
    flag: "allowed-host",
    value: "name",
    group: "Access",
    help: "Host header to answer, without its port (repeatable)",
    schema: hostList(),
    defaultText: "any in network mode; loopback names in local mode",
    repeatable: ",",
  },
  allowedOrigins: {
    flag: "allowed-origin",
    value: "origin",
    group: "Access",
    help: "further Origin of browser pages (repeatable)",
    schema: originList(),
    defaultText: "the worker's own; in local mode this machine's",
    repeatable: ",",
  },
  openMetrics: {
    flag: "open-metrics",
    group: "Access",
    help: "GET /metrics without a token, for scrapers that have none",
    schema: boolean(),
    default: "false",
  },

  hiveUrl: {
    flag: "hive-url",
    value: "url",
    group: "Hive",
    help: "register there and send heartbeats",
    schema: baseUrl(),
    defaultText: "no hive",
  },
  workerId: {
    flag: "worker-id",
    value: "id",
    group: "Hive",
    help: "name of this worker",
    schema: workerId(),
    defaultText: "worker-<hostname>-<port>",
  },
  heartbeatIntervalMs: {
    flag: "heartbeat-interval",
    value: "duration",
    group: "Hive",
    help: "time between heartbeats",
    schema: duration("50ms", "1h"),
    default: "30s",
  },
  hiveTimeoutMs: {
    flag: "hive-timeout",
    value: "duration",
    group: "Hive",
    help: "longest wait for an answer of the hive",
    schema: duration("50ms", "1m"),
    default: "5s",
  },

  natsUrl: {
    flag: "nats-url",
    value: "url",
    group: "Fleet",
    help: "NATS server of the fleet to work for, as nats://host:4222",
    schema: text(1, 2_048),
    defaultText: "no fleet",
  },
  natsCreds: {
    flag: "nats-creds",
    value: "path",
    group: "Fleet",
    help: "credentials for it, a file as nsc writes them",
    schema: text(1, 4_096),
  },
  natsInsecure: {
    flag: "nats-insecure",
    group: "Fleet",
    help: "talk to a NATS server on another machine without TLS or credentials",
    schema: boolean(),
    default: "false",
  },

  logLevel: {
    flag: "log-level",
    value: "level",
    group: "Logs",
    help: logLevels.join(", "),
    schema: oneOf(logLevels),
    default: "info",
  },
  logFormat: {
    flag: "log-format",
    value: "format",
    group: "Logs",
    help: logFormats.join(" or "),
    schema: oneOf(logFormats),
    defaultText: "pretty on a terminal, else json",
  },
} as const satisfies OptionRows;
