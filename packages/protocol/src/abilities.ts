// Owns which abilities of a model its description names, on the pages and in the terminal. Without zod, because the pages load it.
import type { ChatAbilities } from "./native/worker.ts";

export interface ToolUser {
  readonly chat?: Pick<ChatAbilities, "tools"> | undefined;
  readonly parameters?: number | undefined;
}

/** A chat template that has tools does not make a smaller model able to call one. */
const toolUserParameters = 100e6;

/** Requests with tools are accepted for smaller models too: only descriptions leave the ability out. */
export function canCallTools({ chat, parameters = Infinity }: ToolUser): boolean {
  return chat?.tools === true && parameters >= toolUserParameters;
}
