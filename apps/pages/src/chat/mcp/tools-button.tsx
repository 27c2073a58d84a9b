// Owns the button at the message box that shows how many tools are on in the conversation, and opens their menu.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { deferred } from "../../models/deferred.tsx";
import { Icon } from "../../parts/icons.tsx";
import type { ModelFacts } from "../model/model-facts.ts";
import type { Settings } from "../settings/settings.ts";
import { usePage } from "../page.ts";
import { countOn, goneTools } from "./tool-choice.ts";
import "./mcp.css";

const ToolsMenu = deferred(async () => (await import("./tools-menu.tsx")).ToolsMenu);

export interface ToolsButtonProps {
  readonly settings: Settings;
  /** The model that answers. */
  readonly facts: ModelFacts | undefined;
}

/** Shows nothing if no tool is on and the client may use no server. */
export function ToolsButton(props: ToolsButtonProps): VNode | null {
  const { mcpServers } = usePage();
  const open = useSignal(false);
  const { mcpTools, tools = [] } = props.settings;
  const servers = mcpServers.list.value?.servers;
  const on = countOn(mcpTools, servers) + tools.length;
  const offers = (servers ?? []).length + goneTools(mcpTools, servers).length;
  if (on + offers === 0 && !open.value) return null;
  const label = on === 0 ? "Tools" : `Tools ${on} on`;
  return (
    <>
      <button
        type="button"
        class={on === 0 ? "button icon quiet tools-button" : "button icon tools-button tools-on"}
        aria-label={label}
        title={label}
        aria-haspopup="dialog"
        onClick={() => (open.value = true)}
      >
        <Icon name="tool" />
        <span class="only-wide">Tools</span> {on > 0 && <span class="numbers">{on}</span>}
      </button>
      {open.value && <ToolsMenu {...props} onClose={() => (open.value = false)} />}
    </>
  );
}
