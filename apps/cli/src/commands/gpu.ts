// Owns `waggle gpu add`: what a GPU needs is fetched to where workers look for it, and the GPU has to prove that it computes.
import { gpuAdd, gpuDevices } from "@waggle/gpu-packages";
import { CliError, exitCodes } from "../cli-error.ts";
import type { Run } from "../command.ts";

export const run: Run = async ({ config, out, signal }, { args }) => {
  const [action, name] = args;
  const device = gpuDevices.find((one) => one === name);
  if (action !== "add" || device === undefined) {
    const known = gpuDevices.map((one) => `waggle gpu add ${one}`).join(", ");
    throw new CliError(`There is no command gpu ${args.join(" ")}. There is: ${known}.`, exitCodes.wrongUse);
  }
  await gpuAdd({
    device,
    folder: config.gpuFolder,
    machine: process,
    workerCommand: [process.execPath, ...config.entry.execArgv, config.entry.path, "serve"],
    env: config.env,
    say: (line) => out.write(`${line}\n`),
    signal,
  });
  return exitCodes.ok;
};
