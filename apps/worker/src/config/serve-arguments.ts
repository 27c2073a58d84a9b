// Owns how `waggle serve` reads its words: models stand without their flag.
import { optionRows } from "./option-table.ts";

/** The same as flags of the worker. What is wrong with them, the worker says. */
export function serveArguments(argv: readonly string[]): string[] {
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
