// Owns the settings of MCP servers, whose tools the worker runs.
import { advancedSetting, duration, inGroup, integer, setting, text } from "@waggle/daemon";

export const mcpOptions = inGroup("Tools", {
  mcpConfig: setting("--mcp-config <path>", text(1, 4_096), {
    help: "file with the MCP servers whose tools the worker runs",
    defaultText: "no MCP servers",
  }),
  mcpJournalDir: advancedSetting("--mcp-journal-dir <folder>", text(1, 4_096), {
    help: "folder of the journal of tool calls, which lasts across restarts",
    defaultText: "$XDG_STATE_HOME/waggle/mcp, or ~/.local/state/waggle/mcp",
  }),
  mcpSteps: advancedSetting("--mcp-steps <n>", integer(1, 100), {
    help: "largest number of messages with tool calls in one answer, 1 to 100",
    default: "10",
  }),
  mcpCallTimeoutMs: advancedSetting("--mcp-call-timeout <duration>", duration("50ms", "1h"), {
    help: "longest time of one tool call",
    default: "1m",
  }),
  mcpTurnTimeoutMs: advancedSetting("--mcp-turn-timeout <duration>", duration("100ms", "24h"), {
    help: "longest time of an answer with its tool calls and consents",
    default: "15m",
  }),
});
