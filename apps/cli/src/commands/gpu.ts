// Owns `waggle gpu add`: installs the packages for a GPU into the folder where workers look for packages, and tests the GPU.
import { gpuAdd, gpuDevices } from "@waggle/models/gpu";
import { wrongUse } from "../cli-error.ts";
import type { Run } from "../command.ts";
import { confirm } from "../terminal/confirm.ts";
import { createProgressView } from "../terminal/progress.ts";

export const run: Run = async (context, words) => {
  const { config, out, signal } = context;
  const { args } = words;
  const [action, name] = args;
  const device = gpuDevices.find((one) => one === name);
  if (action !== "add" || device === undefined) {
    const known = gpuDevices.map((one) => `waggle gpu add ${one}`).join(", ");
    throw wrongUse(`Unknown command gpu ${args.join(" ")}. Available: ${known}.`);
  }
  const view = createProgressView(context.err);
  const say = (line: string): void => {
    view.clear();
    out.write(`${line}\n`);
  };
  await gpuAdd({
    device,
    folder: config.gpuFolder,
    machine: process,
    workerCommand: [process.execPath, ...config.entry.execArgv, config.entry.path, "serve"],
    env: config.env,
    say,
    confirm: (question) => confirm(context, words.has("yes"), question, "Nothing was downloaded."),
    onProgress: (progress) => view.show({ stage: "downloading", progress }),
    signal,
  }).finally(view.clear);
};
