// Owns the sentences about a wrong command line. Commander's own sentences reach no user: only the names and values in them are read, by code.
import type { Command, CommanderError } from "commander";
import { sentence } from "./complaint.ts";

const mostShownChars = 80;

/** The sentence of a code, made from the parts of commander's message. */
interface Problem {
  readonly message: RegExp;
  readonly say: (...parts: readonly (string | undefined)[]) => string;
}

const similar = String.raw`(?:\n\(Did you mean (?:one of )?(.*)\?\))?`;
const didYouMean = (names: string | undefined): string =>
  names === undefined ? "" : ` Did you mean ${names.replace(/, ([^,]*)$/, " or $1")}?`;

const problems: Readonly<Record<string, Problem>> = {
  "commander.unknownCommand": {
    message: new RegExp(`unknown command '(.*)'${similar}$`, "s"),
    say: (name, names) => `Unknown command '${shown(name)}'.${didYouMean(names)}`,
  },
  "commander.missingArgument": {
    message: /'(.*)'$/s,
    say: (name) => `The argument <${name}> is missing`,
  },
  "commander.excessArguments": {
    message: /Expected (\d+) arguments? but got (\d+)/,
    say: (most, given) =>
      `Too many arguments (${given}): ${most === "0" ? "only options are" : `at most ${most} is`} allowed`,
  },
  "commander.optionMissingArgument": {
    message: /^error: option '(.*)' argument missing$/s,
    say: (flags) => `The option ${flags} needs a value`,
  },
  "commander.missingMandatoryOptionValue": {
    message: /^error: required option '(.*)' not specified$/s,
    say: (flags) => `The option ${flags} is missing`,
  },
  "commander.conflictingOption": {
    message: /'(.*)' cannot be used with \D+ '(.*)'$/s,
    say: (one, other) => `The options ${one} and ${other} exclude each other`,
  },
  "commander.invalidArgument": {
    message:
      /^error: (?:option '(?:.*, )?(--?[\w-]+).*' argument '(.*)' is invalid|command-argument value '(.*)' is invalid for argument '(.*)')\. (.*)$/s,
    say: (flag, value, word, argument, reason = "") => {
      const what = flag === undefined ? `${shown(word)} as <${argument}>` : `${flag} ${shown(value)}`;
      return `Cannot use ${what}: ${reason.replace("Allowed choices are", "it must be one of")}`;
    },
  },
  // A program with commands was called without one.
  "commander.help": { message: /^/, say: () => "The command is missing" },
};

/** @param command the command that was called, if it is known */
export function usageProblem({ code, message }: CommanderError, command?: Command): string {
  if (code === "commander.unknownOption") return unknownOption(message, command?.options ?? []);
  const problem = Object.hasOwn(problems, code) ? problems[code] : undefined;
  const parts = problem?.message.exec(message);
  return sentence(problem && parts ? problem.say(...parts.slice(1)) : "Cannot read the command line");
}

function unknownOption(message: string, options: Command["options"]): string {
  const [, word = "", names] = new RegExp(`unknown option '(.*)'${similar}$`, "s").exec(message) ?? [];
  const [name] = word.split("=", 1);
  if (options.some(({ long, short }) => long === name || short === name)) return `The option ${name} takes no value.`;
  const longer = options.find(({ long }) => long === `-${name}`);
  return `Unknown option '${shown(word)}'.${didYouMean(names ?? longer?.long)}`;
}

function shown(word = ""): string {
  return word.replaceAll(/\s+/g, " ").slice(0, mostShownChars);
}
