// Converts the arguments of `waggle serve` to flags of the worker: an argument without a flag is a model.
import { optionRows } from "./option-table.ts";

/** Keeps unknown flags: the worker reports them. */
export function serveArguments(argv: readonly string[]): string[] {
  const takesValue = new Set(
    optionRows.flatMap(([, { value, flags }]) => (value === undefined ? [] : (flags.match(/--[\w-]+/g) ?? []))),
  );
  const flags: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (!word.startsWith("-")) flags.push("--model", word);
    else if (takesValue.has(word) && i + 1 < argv.length) flags.push(word, argv[++i] ?? "");
    else flags.push(word);
  }
  return flags;
}
