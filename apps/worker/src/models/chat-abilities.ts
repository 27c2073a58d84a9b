// Owns how a chat format is told on the wire, and of which models.
import type { ChatFormat } from "@waggle/chat-format";
import type { ChatAbilities } from "@waggle/protocol";
import type { Descriptions } from "./descriptions.ts";
import type { HostedFile } from "./model-entry.ts";

/** As the engine told, or the file, once somebody has asked; undefined for a model that does not write. */
export function chatOf(hosted: HostedFile, descriptions: Pick<Descriptions, "known">): ChatAbilities | undefined {
  const { info } = hosted.host;
  const description = info === undefined ? descriptions.known(hosted) : undefined;
  const kind = info?.kind ?? description?.card.kind;
  const format = info?.chatFormat ?? description?.chatFormat;
  return kind === "generate" && format !== undefined ? chatAbilitiesOf(format) : undefined;
}

function chatAbilitiesOf({ name, abilities, inputs, warning }: ChatFormat): ChatAbilities {
  return {
    format: name,
    tools: abilities.tools,
    parallel_tool_calls: abilities.parallelCalls,
    thinking: abilities.thinking,
    switches: [...abilities.switches],
    template_variables: [...inputs.variables],
    ...(warning === undefined ? {} : { warning }),
  };
}
