// Owns how a chat format is told on the wire.
import type { ChatFormat } from "@waggle/chat-format";
import type { ChatAbilities } from "@waggle/protocol";

export function chatAbilitiesOf({ name, abilities, inputs }: ChatFormat): ChatAbilities {
  return {
    format: name,
    tools: abilities.tools,
    parallel_tool_calls: abilities.parallelCalls,
    thinking: abilities.thinking,
    switches: [...abilities.switches],
    template_variables: [...inputs.variables],
  };
}
