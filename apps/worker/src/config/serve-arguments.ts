// Owns how `waggle serve` reads its words: models without their flag, and local mode where nothing says who may come in.
import { optionRows } from "./option-table.ts";
import { tokenVariable, variableOf } from "@waggle/daemon";

/** Whoever gives one of these has said how the worker is reached. */
const accessFlags: readonly string[] = ["local-mode", "api-token-file", "config"];

/** The same as flags of the worker. What is wrong with them, the worker says. */
export function serveArguments(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): string[] {
  const flags = withModelFlags(argv);
  return saysAccess(flags, env) ? flags : [...flags, "--local-mode"];
}

function withModelFlags(argv: readonly string[]): string[] {
  const takesValue = new Set(optionRows.flatMap(([, row]) => (row.value === undefined ? [] : [`--${row.flag}`])));
  const flags: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (!word.startsWith("-")) flags.push("--model", word);
    else if (takesValue.has(word) && i + 1 < argv.length) flags.push(word, argv[++i] ?? "");
    else flags.push(word);
  }
  return flags;
}

function saysAccess(flags: readonly string[], env: Readonly<Record<string, string | undefined>>): boolean {
  const variables = [tokenVariable, ...accessFlags.map((flag) => variableOf({ flag }))];
  return (
    variables.some((name) => (env[name] ?? "") !== "") ||
    flags.some((word) => accessFlags.some((flag) => word === `--${flag}` || word.startsWith(`--${flag}=`)))
  );
}
