// Owns `waggle completion`.
import { wrongUse } from "../cli-error.ts";
import type { Run } from "../command.ts";
import { daemonSettings, withSettings } from "../command-loaders.ts";
import { commandTable, daemonTable } from "../command-table.ts";
import { bashScript } from "../completion/bash.ts";
import { completedCommand, completedDaemon } from "../completion/words.ts";
import { zshScript } from "../completion/zsh.ts";

const scripts = { bash: bashScript, zsh: zshScript };

export const run: Run = async ({ out }, { args: [shell = ""] }) => {
  const write = Object.entries(scripts).find(([name]) => name === shell)?.[1];
  if (write === undefined) {
    throw wrongUse(`Unknown shell ${shell}. Completions exist for ${Object.keys(scripts).join(", ")}.`);
  }
  const daemons = await Promise.all(
    daemonTable.map(async (spec) => completedDaemon(spec, await daemonSettings[spec.name]())),
  );
  const commands = await Promise.all(commandTable.map(withSettings));
  out.write(write([...daemons, ...commands.map(completedCommand)]));
};
