// Owns the schemas and the route of the worker's last log lines.
import { z } from "zod";
import { route } from "../openapi/route-parts.ts";

/** Maximum number of log lines that are sent. */
export const logLinesLimit = 5_000;

/** Least severe first. */
export const lineLevels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

/** Query parameters of what is kept on disk. */
export const timeQuery = {
  since: "Only from this time on, as 2026-01-31T10:00:00Z. With --history-size, a day is kept on disk.",
  until: "Only before this time.",
} as const;

export const LogLineSchema = z
  .object({
    seq: z.int().nonnegative().describe("Number of the line. It increases with each line, also over a restart."),
    time: z.iso.datetime(),
    level: z.enum(lineLevels),
    message: z.string(),
    fields: z.record(z.string(), z.unknown()).describe("Further fields of the line."),
  })
  .meta({ id: "LogLine" });
export type LogLine = z.infer<typeof LogLineSchema>;

export const LogLinesSchema = z
  .object({ lines: z.array(LogLineSchema).describe("Oldest first.") })
  .meta({ id: "LogLines" });
export type LogLines = z.infer<typeof LogLinesSchema>;

export const logRoutes = {
  logs: route("get", "/v1/logs", {
    summary:
      "The last log lines; needs an admin token. The last 500 lines or 256 KiB are kept in memory, at the level of --log-level; lines of a time, a job or a client are also read from the disk. The log never contains prompts, answers or API tokens.",
    response: LogLinesSchema,
    query: {
      lines: "Maximum number of newest lines: 100 by default, at most 5000.",
      after: "Return only lines with a higher seq, from memory.",
      level: `Return only lines of this level or a more severe one: ${lineLevels.join(", ")}.`,
      job: "Return only lines of the job with this id.",
      client: "Return only lines of this client: the name of an API token. Empty: only the server's lines.",
      ...timeQuery,
    },
    errors: ["invalid_argument", "resource_exhausted"],
  }),
};
