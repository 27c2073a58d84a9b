// Owns the settings of ports, access, hive, fleet and log.
import {
  accessOptions,
  advancedSetting,
  baseUrl,
  boolean,
  duration,
  fleetOptions,
  historyOptions,
  inGroup,
  integer,
  listenOptions,
  logOptions,
  setting,
  text,
  workerId,
} from "@waggle/daemon";
import { defaultPort } from "../well-known.ts";

export const networkOptions = {
  host: listenOptions.host,
  port: { ...listenOptions.port, default: defaultPort },
  ...inGroup("Network", {
    ollama: setting("--ollama", boolean(), { help: "listen on Ollama's port too, for its clients", default: "false" }),
    ollamaPort: advancedSetting("--ollama-port <n>", integer(0, 65_535), {
      help: "port for --ollama; 0 picks a free one",
      default: "11434",
    }),
  }),
  advertiseUrl: listenOptions.advertiseUrl,

  ...accessOptions,

  ...inGroup("Hive", {
    hiveUrl: setting("--hive-url <url>", baseUrl(), { help: "URL of the hive to register at", defaultText: "no hive" }),
    hiveTokenFile: setting("--hive-token-file <path>", text(1, 4_096), {
      help: "file with the token for the hive; or the variable WAGGLE_HIVE_TOKEN",
    }),
    workerId: setting("--worker-id <id>", workerId(), {
      help: "name of this worker",
      defaultText: "worker-<hostname>-<port>",
    }),
    heartbeatIntervalMs: advancedSetting("--heartbeat-interval <duration>", duration("50ms", "1h"), {
      help: "time between heartbeats",
      default: "5s",
    }),
  }),

  ...fleetOptions,

  ...logOptions,
  ...historyOptions,
};
