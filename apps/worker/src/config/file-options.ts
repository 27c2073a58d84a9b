// Owns the setting that names the file with the other settings.
import type { OptionRows } from "@waggle/daemon";
import { text } from "@waggle/daemon";

export const fileOptions = {
  configFile: {
    flag: "config",
    value: "file",
    group: "Settings file",
    help: "YAML file with settings under their flags' names; flags and variables win over it",
    schema: text(1, 4_096),
  },
} as const satisfies OptionRows;
