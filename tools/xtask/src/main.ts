// Owns the entry of xtask.
import { runCommandLine } from "@waggle/testing/harness";
import { commandTable } from "./commands.ts";

await runCommandLine(commandTable);
