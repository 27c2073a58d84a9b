// Owns how the logs of several daemons share one terminal: each line under the coloured name of who wrote it.
import { painter } from "./report.ts";

export type Colour = "yellow" | "cyan" | "green" | "magenta" | "blue" | "gray";

const nameWidth = 8;

/** Writes lines under `name`. */
export function prefixed(out: NodeJS.WriteStream, name: string, colour: Colour): (line: string) => void {
  const prefix = painter(out)(colour, `${name.padEnd(nameWidth)}│`);
  return (line) => void out.write(`${prefix} ${line}\n`);
}
