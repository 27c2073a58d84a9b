// Converts a model's chat format to its form on the wire.
import type { ChatAbilities } from "@waggle/protocol";
import type { Descriptions } from "../models/list/descriptions.ts";
import type { ModelHost } from "../models/run/model-host-port.ts";

/** The abilities in the engine's report, or else in the model's file, if it was read before. Undefined if the model does not generate text. */
export function chatOf(host: ModelHost, descriptions: Pick<Descriptions, "known">): ChatAbilities | undefined {
  const { info } = host;
  const description = info === undefined ? descriptions.known(host) : undefined;
  const kind = info?.kind ?? description?.card.kind;
  const format = info?.chatFormat ?? description?.chatFormat;
  if (kind !== "generate" || format === undefined) return undefined;
  const { name, abilities, inputs, warning } = format;
  // The grammar makes the embedded model write valid calls too, but it knows only stories, so its calls mean nothing.
  const isStoryTeller = host.file.source === "embedded";
  return {
    format: name,
    tools: abilities.tools && !isStoryTeller,
    parallel_tool_calls: abilities.parallelCalls && !isStoryTeller,
    thinking: abilities.thinking,
    switches: [...abilities.switches],
    template_variables: [...inputs.variables],
    ...(warning === undefined ? {} : { warning }),
  };
}
