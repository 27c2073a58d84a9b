// Owns the worker's settings. A key is the name of the setting in `WorkerConfig`.
import { batchOptions, fileOptions, type OptionRow, type OptionValuesOf } from "@waggle/daemon";
import { engineOptions, fakeOptions } from "./options/engine-options.ts";
import { limitOptions } from "./options/limit-options.ts";
import { mcpOptions } from "./options/mcp-options.ts";
import { modelOptions } from "./options/model-options.ts";
import { networkOptions } from "./options/network-options.ts";
import { servingOptions } from "./options/serving-options.ts";

export const optionTable = {
  ...fileOptions,
  ...servingOptions,
  ...engineOptions,
  ...modelOptions,
  ...networkOptions,
  ...mcpOptions,
  ...limitOptions,
  ...batchOptions,
  ...fakeOptions,
} as const;

type Table = typeof optionTable;
export type OptionKey = keyof Table;

/** All settings after validation. Settings without a default may be undefined. */
export type OptionValues = OptionValuesOf<Table>;

export const optionRows = Object.entries(optionTable) as readonly (readonly [OptionKey, OptionRow])[];
