// Owns how commands show the models of other programs.
import { formatBytes } from "@waggle/daemon/terminal";
import type { Context } from "../command.ts";
import { findOtherModels, type OtherModel } from "./other-programs.ts";

/** Writes the models of Ollama and LM Studio to stderr, each with the command that serves it. Without such models it writes nothing. */
export async function showOtherModels({ config, err, signal }: Context): Promise<void> {
  const { models, leftOut, unreadable } = await findOtherModels(config, signal);
  if (models.length > 0) err.write("\nModels of other programs, which Waggle can serve without copying them:\n");
  for (const model of models) {
    const line = "problem" in model.use ? `cannot be served: ${model.use.problem}` : model.use.command;
    err.write(`  ${otherModelWords(model)}\n    ${err.style.dim(line)}\n`);
  }
  if (leftOut > 0) err.write(`  ${leftOut} more are not shown.\n`);
  for (const folder of unreadable) err.write(`Cannot read ${folder}: permission denied.\n`);
}

/** The model's name, program, size and use: `llama3.2:3b (Ollama, 2.0 GB, text)`. */
function otherModelWords({ name, program, bytes, use }: OtherModel): string {
  const facts = [program, ...(bytes > 0 ? [formatBytes(bytes)] : []), ...("words" in use ? [use.words] : [])];
  return `${name} (${facts.join(", ")})`;
}
