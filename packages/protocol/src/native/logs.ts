// Owns the schemas and the route of the worker's last log lines.
import { z } from "zod";
import type { Route } from "../openapi/routes.ts";

/** Maximum number of log lines that are kept and sent. */
export const logLinesLimit = 500;

export const LogLineSchema = z
  .object({
    seq: z.int().nonnegative().describe("Number of the line, counted from 0 at the start of the process."),
    time: z.iso.datetime(),
    level: z.enum(["trace", "debug", "info", "warn", "error", "fatal"]),
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
  logs: {
    method: "get",
    path: "/v1/logs",
    summary:
      "The last log lines; needs an admin token. At most 500 lines or 256 KiB are kept, at the level of --log-level. The log never contains prompts, answers or API tokens.",
    response: LogLinesSchema,
    query: {
      lines: "Maximum number of newest lines: 100 by default, at most 500.",
      after: "Return only lines with a higher seq.",
    },
    errors: ["invalid_argument"],
  },
} as const satisfies Record<string, Route>;
