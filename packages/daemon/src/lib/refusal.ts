// Owns what a person reads whose settings cannot be used.
import { complaint, sentence, type Style } from "@waggle/terminal";

/** A line for each problem, as text for stderr; the last one says where to read on. @param program as a person types it */
export function refusal(program: string, problems: readonly string[], style?: Style): string {
  const more = ` (${program} --help says more.)`;
  return problems
    .map((problem, index) =>
      complaint(programName(program), sentence(problem) + (index < problems.length - 1 ? "" : more), style),
    )
    .join("");
}

/** What errors begin with: \`waggle serve\` is waggle. */
export function programName(program: string): string {
  return program.split(" ", 1)[0] ?? program;
}
