// Owns the settings of MCP servers, whose tools the worker runs.
import { duration, integer, text } from "@waggle/daemon";
import type { OptionRows } from "@waggle/daemon";

export const mcpOptions = {
  mcpConfig: {
    flag: "mcp-config",
    value: "path",
    group: "Tools",
    help: "file with the MCP servers whose tools the worker runs",
    schema: text(1, 4_096),
    defaultText: "no MCP servers",
  },
  mcpJournalDir: {
    flag: "mcp-journal-dir",
    value: "folder",
    group: "Tools",
    help: "folder of the journal of tool calls, which lasts across restarts",
    schema: text(1, 4_096),
    defaultText: "$XDG_STATE_HOME/waggle/mcp, or ~/.local/state/waggle/mcp",
    advanced: true,
  },
  mcpSteps: {
    flag: "mcp-steps",
    value: "n",
    group: "Tools",
    help: "largest number of messages with tool calls in one answer, 1 to 100",
    schema: integer(1, 100),
    default: "10",
    advanced: true,
  },
  mcpCallTimeoutMs: {
    flag: "mcp-call-timeout",
    value: "duration",
    group: "Tools",
    help: "longest time of one tool call",
    schema: duration("50ms", "1h"),
    default: "1m",
    advanced: true,
  },
  mcpTurnTimeoutMs: {
    flag: "mcp-turn-timeout",
    value: "duration",
    group: "Tools",
    help: "longest time of an answer with its tool calls and consents",
    schema: duration("100ms", "24h"),
    default: "15m",
    advanced: true,
  },
} as const satisfies OptionRows;
