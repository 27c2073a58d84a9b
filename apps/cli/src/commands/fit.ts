// Owns `waggle fit`: shows the memory that models need with the worker's settings, the memory of this machine, and an estimated speed. It
// reads only the models' headers, and loads and downloads no model.
import { fitReport, renderFitReport, type FitReport, type Wanted } from "@waggle/models/memory";
import type { Run, Words } from "../command.ts";
import { fitSettings } from "../command-table.ts";
import { findFitModels } from "../local/fit-models.ts";
import { measureMachine } from "../local/this-machine.ts";
import { hubOptions, modelSettings } from "../local/worker-settings.ts";
import { createStatusLine } from "@waggle/daemon/terminal";
import { optionTable } from "@waggle/worker/settings";

export const run: Run = async ({ config, out, err, signal }, words) => {
  const settings = await modelSettings(config.env, fitArguments(words));
  const line = createStatusLine(err);
  try {
    const { maxPicturePixels: maxPixels } = settings;
    const hub = {
      folder: config.modelsFolder,
      maxPixels,
      ...(await hubOptions(config.env, words.text("hubUrl"))),
      signal,
    };
    const { models, leftOut } = await findFitModels(words.args, hub, (what) => line.show(`reading ${what}`));
    line.show("measuring the memory bandwidth");
    const machine = await measureMachine({ config, signal }, settings);
    const wanted = Object.fromEntries(
      fitSettings.map((name) => [name, settings[name]] satisfies [keyof Wanted, unknown]),
    );
    const { hasAddon } = settings;
    const report = fitReport(models, machine, { ...wanted, hasAddon });
    line.clear();
    if (machine.gpu === undefined && settings.gpuLayers !== "auto" && settings.gpuLayers !== 0) {
      err.write("No GPU with readable free memory found; counting all layers as system memory.\n");
    }
    if (leftOut > 0) err.write(`${leftOut} more ${leftOut === 1 ? "model" : "models"} not shown.\n`);
    out.write(
      words.has("json") ? `${JSON.stringify(report satisfies FitReport, undefined, 2)}\n` : renderFitReport(report),
    );
  } finally {
    line.clear();
  }
};

/** The options as arguments for the worker's parser, which reports invalid ones. */
function fitArguments(words: Words): readonly string[] {
  return fitSettings.flatMap((name) => {
    const value = words.text(name);
    return value === undefined ? [] : [`--${optionTable[name].flag}`, value];
  });
}
