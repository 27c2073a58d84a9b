// Owns the slash commands of a chat: their effect on the conversation, and their replies. Pure: the caller passes the names of the models.
import { settingNames, settingValue } from "../answer/request-settings.ts";
import { CliError } from "../cli-error.ts";
import type { Conversation } from "./conversation.ts";

export interface SlashWorld {
  readonly conversation: Conversation;
  readonly modelName: string;
  /** The models that `/model` can name; empty for other commands. */
  readonly models: readonly string[];
  /** Tokens and times of the last answer. */
  readonly stats: string;
}

export interface SlashOutcome {
  readonly conversation?: Conversation;
  readonly modelName?: string;
  readonly say?: string;
  readonly leave?: true;
}

interface SlashCommand {
  readonly name: string;
  readonly words: string;
  readonly help: string;
  readonly run: (world: SlashWorld, rest: string) => SlashOutcome;
}

const table: readonly SlashCommand[] = [
  { name: "model", words: "[name]", help: "switch to another model, or list them", run: model },
  { name: "system", words: "[text]", help: "set the system prompt; without text, remove it", run: system },
  {
    name: "set",
    words: "[name value]",
    help: "change a setting, such as temperature 0.5; without a value, back to its default",
    run: set,
  },
  { name: "clear", words: "", help: "begin a new conversation", run: clear },
  {
    name: "stats",
    words: "",
    help: "show tokens and times of the last answer",
    run: ({ stats }) => ({ say: stats || "Nothing has been answered yet." }),
  },
  { name: "help", words: "", help: "show this list", run: () => ({ say: helpText() }) },
  { name: "exit", words: "", help: "leave the chat (or Ctrl-D)", run: () => ({ leave: true }) },
];
/** The commands that end other chat programs. */
const alsoExit = ["bye", "quit"];

export function isSlashCommand(message: string): boolean {
  return /^\/[a-z?]*( |$)/.test(message);
}

/** @throws CliError when the command is invalid; the chat continues */
export function runSlashCommand(message: string, world: SlashWorld): SlashOutcome {
  const [, name = "", rest = ""] = /^\/(\S*)\s*([^]*)$/.exec(message) ?? [];
  const wanted = alsoExit.includes(name) ? "exit" : name === "?" || name === "" ? "help" : name;
  const command = table.find((row) => row.name === wanted);
  if (command === undefined) throw new CliError(`Unknown command /${name}. /help lists the commands.`);
  return command.run(world, rest.trim());
}

function model({ models, modelName, conversation }: SlashWorld, name: string): SlashOutcome {
  const list = models.map((other) => `${other === modelName ? "*" : " "} ${other}`).join("\n");
  if (name === "") return { say: list === "" ? modelName : list };
  if (!models.includes(name)) throw new CliError(`Unknown model ${name}. Available: ${models.join(", ")}.`);
  return { conversation: { ...conversation, model: name }, modelName: name, say: `${name} answers from now on.` };
}

function system({ conversation }: SlashWorld, text: string): SlashOutcome {
  if (text === "") return { say: conversation.system ?? "No system prompt is set. /system <text> sets it." };
  if (text === "none")
    return { conversation: { ...conversation, system: undefined }, say: "The system prompt is removed." };
  return { conversation: { ...conversation, system: text }, say: "The system prompt applies from the next prompt." };
}

function set({ conversation }: SlashWorld, rest: string): SlashOutcome {
  const { settings } = conversation;
  const [, name = "", text = ""] = /^([^\s=]*)[\s=]*([^]*)$/.exec(rest) ?? [];
  if (name === "") {
    const given = Object.entries(settings).map(([key, value]) => `${key} = ${String(value)}`);
    return { say: [...given, `Settings: ${settingNames.join(", ")}.`].join("\n") };
  }
  if (text === "" && name in settings) {
    const { [name]: _, ...others } = settings;
    return { conversation: { ...conversation, settings: others }, say: `${name} is back at its default.` };
  }
  const value = settingValue(name, text);
  return {
    conversation: { ...conversation, settings: { ...settings, [name]: value } },
    say: `${name} = ${String(value)}`,
  };
}

function clear({ conversation }: SlashWorld): SlashOutcome {
  return { conversation: { ...conversation, messages: [] }, say: "A new conversation." };
}

function helpText(): string {
  const rows = table.map(({ name, words, help }) => [`/${name} ${words}`.trim(), help] as const);
  const width = Math.max(...rows.map(([usage]) => usage.length));
  return [
    ...rows.map(([usage, help]) => `${usage.padEnd(width)}  ${help}`),
    "",
    "Several lines: end them with \\, or paste them.",
    "Ctrl-C stops an answer, the arrow keys bring back earlier messages.",
  ].join("\n");
}
