// Generates the list of coding agents in docs/clients.md: how each is installed, and the line to paste without `waggle launch`.
import { agents, type Agent } from "@waggle/cli/agents";
import { wrappedProse } from "./table.ts";

/** The window in the examples. The readers replace it with the window of their worker. */
const exampleWindow = 65_536;
const url = "http://127.0.0.1:7711";

export function agentLines(): string {
  return agents.map(lineOf).join("\n");
}

function lineOf({ name, title, npm, start }: Agent): string {
  const place = { url, token: "any", model: "<name>", contextSize: exampleWindow, folder: "<folder>" };
  const { args, env, files = {} } = start(place);
  const set = Object.entries(env).flatMap(([variable, value]) =>
    value === undefined ? [] : [`${variable}=${quoted(value)}`],
  );
  const command = [...set, name, ...args.map(quoted)].join(" ");
  const saved = Object.entries(files).map(
    ([file, text]) => `, with \`${oneLine(text)}\` in the file \`<folder>/${file}\``,
  );
  return wrappedProse(
    `- **${title}**: \`waggle launch ${name}\`; \`npm install -g ${npm}\`. By hand: \`${command}\`${saved.join("")}.`,
    "  ",
  );
}

/** A word of a shell's command line, in quotes if it needs them. Names in angle brackets are for the reader to replace. */
function quoted(word: string): string {
  return /^[\w@%+=:,./<>-]*$/.test(word) ? word : `'${word}'`;
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\n\s*/g, " ");
}
