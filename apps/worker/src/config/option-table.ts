// Owns every setting of the worker, once. A key is the name that the setting has in `WorkerConfig`.
import type { OptionRow, OptionValuesOf } from "@waggle/daemon";
import { engineOptions, fakeOptions } from "./engine-options.ts";
import { fileOptions } from "./file-options.ts";
import { limitOptions } from "./limit-options.ts";
import { modelOptions } from "./model-options.ts";
import { networkOptions } from "./network-options.ts";
import { servingOptions } from "./serving-options.ts";

export const optionTable = {
  ...fileOptions,
  ...servingOptions,
  ...engineOptions,
  ...modelOptions,
  ...networkOptions,
  ...limitOptions,
  ...fakeOptions,
} as const;

type Table = typeof optionTable;
export type OptionKey = keyof Table;

/** All settings after validation; one without a default may be missing. */
export type OptionValues = OptionValuesOf<Table>;

export const optionRows = Object.entries(optionTable) as readonly (readonly [OptionKey, OptionRow])[];
