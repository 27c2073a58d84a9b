// Owns chat formats of models that think in different ways.
import { genericFormat, type ChatFormat } from "@waggle/chat-format/format";

/** The generic format with these abilities, and with a template that reads these variables. */
export function formatWith(abilities: Partial<ChatFormat["abilities"]>, variables: readonly string[] = []): ChatFormat {
  return {
    ...genericFormat,
    abilities: { ...genericFormat.abilities, ...abilities },
    inputs: { ...genericFormat.inputs, variables },
  };
}

export const thinkingSwitch = { name: "enable_thinking", on: true, off: false };
export const switchable = formatWith({ thinking: "switchable", thinkingSwitch });
/** Always thinks, and has effort levels. */
export const levels = formatWith({ thinking: "always" }, ["reasoning_effort"]);
