export { createJournal, type Journal, type JournalOptions, type TurnRecord } from "./journal/journal.ts";
export type { RecordedStep } from "./journal/records.ts";
export { failedOutcome, type CallOutcome, type CallPicture } from "./connection/call-outcome.ts";
export { toolLimits } from "./connection/limits.ts";
export { McpFileError, readServers, type ServerSpec } from "./servers/read-servers.ts";
export {
  createToolServers,
  type ToolServer,
  type ToolServers,
  type ToolServersOptions,
} from "./servers/tool-servers.ts";
export type { ServerTool } from "./connection/tool-list.ts";
